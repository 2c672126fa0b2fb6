// SPDX-License-Identifier: GPL-2.0
/* The host that a store is marked with while it is active. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "describe.h"
#include "output.h"
#include "owner.h"

/* What the module calls this host. */
static void host_name(char name[LC_NAME_BYTES])
{
	FILE *file = fopen("/sys/module/dm_lclone/parameters/host_id", "re");
	struct utsname uts;

	memset(name, 0, LC_NAME_BYTES);
	if (file) {
		if (fgets(name, LC_NAME_BYTES, file))
			name[strcspn(name, "\n")] = '\0';
		fclose(file);
	}
	if (!*name && !uname(&uts))
		snprintf(name, LC_NAME_BYTES, "%.*s", LC_NAME_BYTES - 1,
			 uts.nodename);
}

bool owner_is_elsewhere(const struct lc_super *super)
{
	char here[LC_NAME_BYTES];

	if (!*super->owner_host && lc_uuid_is_null(super->owner_boot))
		return false;
	host_name(here);
	return strncmp(super->owner_host, here, LC_NAME_BYTES);
}

int owner_check(const char *name, const struct lc_super *super, const char *verb)
{
	char host[LC_PATH_BYTES];

	if (!owner_is_elsewhere(super))
		return 0;
	report_error(name, "it is active on host '%s', or was when that host went down",
		     describe_text(super->owner_host, host));
	report_hint("deactivate it there; only if that host is certainly down, use 'lclone %s --force %s'",
		    verb, name);
	return -EBUSY;
}
