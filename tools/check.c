// SPDX-License-Identifier: GPL-2.0
/* The checker: its report, and the order of its parts. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "check-parts.h"
#include "output.h"

void check_add(struct check_report *report, const char *part, u64 block,
	       const char *text, ...)
{
	struct check_finding *finding;
	va_list args;

	if (report->findings++ >= CHECK_FINDINGS_MAX)
		return;
	report->finding = must_realloc(report->finding, report->findings *
				       sizeof(*report->finding));
	finding = &report->finding[report->findings - 1];
	finding->part = part;
	finding->block = block;
	va_start(args, text);
	if (vasprintf(&finding->text, text, args) < 0)
		finding->text = must_strdup(text);
	va_end(args);
}

void check_free(struct check_report *report)
{
	size_t i;

	for (i = 0; i < min(report->findings, (size_t)CHECK_FINDINGS_MAX); i++)
		free(report->finding[i].text);
	free(report->finding);
	memset(report, 0, sizeof(*report));
}

int check_store(struct store_file *store, struct check_report *report)
{
	int error;

	memset(report, 0, sizeof(*report));
	error = check_supers(store, report);
	if (!error)
		error = check_map(store, report);
	if (error != -EUCLEAN)
		return error;
	return 0;
}

int check_super(const struct store_file *store, const struct lc_super *super,
		struct check_report *report)
{
	memset(report, 0, sizeof(*report));
	report->super = *super;
	return check_map(store, report);
}
