/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The catalog: names of templates and clones, and where they are kept.  It is
 * only a cache, for stores describe themselves and 'lclone scan' rebuilds it.
 *
 * It lies in catalog.json in /var/lib/lclone, or in $LCLONE_STATE_DIR.  It is
 * replaced as a whole (rename), so that readers need no lock; who changes it
 * holds the lock file from catalog_open() to catalog_close().
 *
 * Functions that return int return 0 or a negative errno, and have reported
 * what went wrong.
 */
#ifndef LCLONE_CATALOG_H
#define LCLONE_CATALOG_H

#include "core/super.h"

struct template {
	char *name;
	u8 uuid[LC_UUID_BYTES];
	bool is_file;			/* else a block device */
	char *path;			/* the file, or a path of the device that stays */
	u64 size_bytes;			/* a multiple of 512 */
	u8 quick[LC_FINGERPRINT_BYTES];
	bool has_full;
	u8 full[LC_FINGERPRINT_BYTES];
	char *converted_from;		/* the image we made @path of, or NULL */
	bool was_writable;		/* to be made so again when it is dropped */
};

enum store_kind {
	STORE_KIND_DEVICE,		/* --store: a device of the user's */
	STORE_KIND_DIR,			/* --dir: a file that we made */
	STORE_KIND_VG,			/* --vg: a logical volume that we made */
};

/*
 * A clone, with the store that it writes to; or one of the frozen stores below
 * it, a layer, whose name is that of the snapshot, or "".
 */
struct clone {
	char *name;
	u8 uuid[LC_UUID_BYTES];		/* of a layer: of the clone that it was made of */
	u8 store_uuid[LC_UUID_BYTES];
	u8 content_uuid[LC_UUID_BYTES];	/* what stands on it names this */
	u8 parent_uuid[LC_UUID_BYTES];	/* content of the layer below; zero: none */
	enum store_kind kind;
	char *store_path;		/* the device, /dev/VG/LV, or the file */
	u64 directory;			/* clone_store_directory() of a file; 0: not known */
	char *vg;			/* STORE_KIND_VG only, else NULL */
	char *lv;
	char *template_name;		/* as it was called; or NULL */
	u8 template_uuid[LC_UUID_BYTES];	/* zero: no template */
	bool error_if_no_space;
	char *adopted;			/* the device-mapper name that it keeps; NULL: it is not adopted */
	bool returning;			/* its origin is being made what it is */
	bool returned;			/* it is; only the clone is left to be removed */
	bool replaced;			/* a layer whose place another has taken: to be removed */
	bool removing;			/* it is being removed, or that was cut short */
	bool wiping;			/* and its stores, or that of a layer, are overwritten before */
	bool changing;			/* its table is being changed, or that was cut short */
	bool held;			/* active only for as long as a verb works on it, see hold.h */
};

struct catalog {
	int lock;			/* descriptor, or -1: for reading only */
	struct template *templates;
	size_t template_count;
	struct clone *clones;
	size_t clone_count;
	struct clone *layers;
	size_t layer_count;
};

enum catalog_access {
	CATALOG_READ,
	CATALOG_CHANGE,			/* waits for whoever is changing it now */
};

/* A catalog that does not exist yet is an empty one. */
int catalog_open(struct catalog *catalog, enum catalog_access access);
/* Writes it durably and atomically. */
int catalog_save(const struct catalog *catalog);
void catalog_close(struct catalog *catalog);

/* The directory that holds the catalog. */
const char *catalog_directory(void);

/* These return NULL when there is none, and report nothing. */
struct template *catalog_template(const struct catalog *catalog, const char *name);
struct template *catalog_template_of(const struct catalog *catalog,
				     const struct clone *clone);
struct clone *catalog_clone(const struct catalog *catalog, const char *name);
struct clone *catalog_clone_by_uuid(const struct catalog *catalog, const u8 *uuid);

/* The layer with this content; and the one that @clone stands on.  None that was replaced. */
struct clone *catalog_layer(const struct catalog *catalog, const u8 *content_uuid);
struct clone *catalog_parent(const struct catalog *catalog,
			     const struct clone *clone);

/* How many layers there are from the one with this content down; 0: none. */
unsigned int catalog_depth(const struct catalog *catalog, const u8 *content_uuid);

/* The snapshot @name of @clone. */
struct clone *catalog_snapshot(const struct catalog *catalog,
			       const struct clone *clone, const char *name);

/* A snapshot that was removed, but for its store. */
struct clone *catalog_snapshot_going(const struct catalog *catalog,
				     const struct clone *clone, const char *name);

/*
 * What stands on @layer, as "vm1, vm2@monday"; to be freed.  NULL: nothing.
 * Clone @but and its layers are not counted.
 */
char *catalog_dependents(const struct catalog *catalog, const struct clone *layer,
			 const struct clone *but);

/* Like the two above, but report that there is none. */
struct template *catalog_need_template(const struct catalog *catalog,
				       const char *name);
struct clone *catalog_need_clone(const struct catalog *catalog, const char *name);

/*
 * Take over what @template (@clone) points to.  Pointers to others of its kind
 * are invalid afterwards, as after a drop.
 */
struct template *catalog_add_template(struct catalog *catalog,
				      const struct template *template);
struct clone *catalog_add_clone(struct catalog *catalog, const struct clone *clone);
struct clone *catalog_add_layer(struct catalog *catalog, const struct clone *layer);
void catalog_drop_layer(struct catalog *catalog, struct clone *layer);
void catalog_drop_template(struct catalog *catalog, struct template *template);
void catalog_drop_clone(struct catalog *catalog, struct clone *clone);
/* Gives what was added last back to who added it. */
void catalog_forget_clone(struct catalog *catalog, struct clone *clone);

/* What a store calls the layer below it when that has lost the name that it bears. */
#define CATALOG_NO_NAME	"-"

/* "device", "dir" or "vg". */
const char *store_kind_name(enum store_kind kind);

/*
 * Whether @name may name a template or a clone: 1 to 63 of A-Z a-z 0-9 _ . + -,
 * the first of them neither - nor . (quietly, or reported).
 */
bool name_valid(const char *name);
int name_check(const char *name);

#endif
