/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A store's superblock and map as text, with the journal applied.
 *
 * The text has one fact in a line, and begins and ends with a line that says
 * so.  Lines that a reader does not know are errors, but for those that begin
 * with '#'.  Numbers are decimal, and count blocks of 4096 bytes where a line
 * does not say sectors (of 512 bytes) or is a count.
 *
 *	lclone-dump 1
 *	store-uuid UUID			(all uuids: lower case, or - for none)
 *	clone-uuid UUID
 *	content-uuid UUID
 *	parent-uuid UUID
 *	snapshot-set UUID
 *	state writable|frozen|retired
 *	layers COUNT
 *	head-generation NUMBER
 *	generation NUMBER
 *	clone-sectors SECTORS
 *	overlap-sectors SECTORS
 *	store-blocks BLOCKS
 *	journal START BLOCKS
 *	reserve START BLOCKS
 *	origin-kind none|device
 *	origin-sectors SECTORS
 *	origin-uuid UUID
 *	fingerprint none|sha256-sampled HEX
 *	clone-name "TEXT"		(\xNN for ", \ and what is not printable ASCII)
 *	origin-name "TEXT"
 *	origin-path "TEXT"
 *	data FIRST COUNT STORE		a run of the map: clone block, blocks,
 *					store block
 *	zero FIRST COUNT		a run of known zeros
 *	end RUNS DATA-BLOCKS ZERO-BLOCKS
 *
 * Runs are ascending and do not overlap.  A dump without its end is incomplete:
 * the store is damaged, or the writing was cut short.
 */
#ifndef LCLONE_DUMP_H
#define LCLONE_DUMP_H

#include <stdbool.h>
#include <stdio.h>
#include "store-file.h"

/*
 * Writes the dump of @store, which has been loaded, to @to; with @json as one
 * JSON document.  Returns 0 or a negative errno, reported: -EUCLEAN for a
 * damaged store, of which all that can be read has been written.
 */
int dump_store(const struct store_file *store, FILE *to, bool json);

#endif
