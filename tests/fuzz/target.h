/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzzers call.  A rule that does not hold ends the program by abort(). */
#ifndef LCLONE_FUZZ_TARGET_H
#define LCLONE_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Says which rule was broken, and how (or NULL), where the sanitizers would say so. */
__attribute__((noreturn)) void broken(const char *rule, const char *detail);

#endif
