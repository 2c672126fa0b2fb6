// SPDX-License-Identifier: GPL-2.0
/* What is the same in all targets. */

#include <stdio.h>
#include <stdlib.h>
#include "target.h"

void broken(const char *rule, const char *detail)
{
	dprintf(2, "broken rule: %s: %s\n", rule, detail ? detail : "-");
	abort();
}
