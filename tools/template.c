// SPDX-License-Identifier: GPL-2.0
/* Templates: registering an origin, comparing it, letting go of it. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <uuid/uuid.h>
#include "durable.h"
#include "fingerprint.h"
#include "image.h"
#include "origin.h"
#include "output.h"
#include "store-file.h"
#include "template.h"

#define HEX_BYTES	(2 * LC_FINGERPRINT_BYTES + 1)
/* A message names so many clones at most. */
#define NAMES_MAX	8

/* A device or file is one template's, and never a clone's store. */
static int check_origin_free(const struct catalog *catalog, const char *path,
			     const struct stat *st)
{
	struct stat other;
	size_t i;

	for (i = 0; i < catalog->template_count; i++)
		if (!stat(catalog->templates[i].path, &other) &&
		    (S_ISBLK(st->st_mode) ? st->st_rdev == other.st_rdev :
		     st->st_ino == other.st_ino && st->st_dev == other.st_dev)) {
			report_error(path, "is the origin of template %s already",
				     catalog->templates[i].name);
			report_hint("make clones of that one: 'lclone create NAME --template %s ...'",
				    catalog->templates[i].name);
			return -EEXIST;
		}
	for (i = 0; i < catalog->clone_count; i++)
		if (!stat(catalog->clones[i].store_path, &other) &&
		    S_ISBLK(st->st_mode) && st->st_rdev == other.st_rdev) {
			report_error(path, "is the store of clone %s",
				     catalog->clones[i].name);
			report_hint("a template needs a device or file of its own");
			return -EBUSY;
		}
	return 0;
}

static int check_new(const struct catalog *catalog,
		     const struct template_request *request)
{
	struct stat st;
	int error;

	if (name_check(request->name))
		return -EINVAL;
	if (catalog_template(catalog, request->name)) {
		report_error(request->name, "there is a template of this name");
		report_hint("choose another name; 'lclone template show %s' shows that one",
			    request->name);
		return -EEXIST;
	}
	if (stat(request->path, &st)) {
		error = -errno;
		report_errno(request->path, error, "cannot be looked at");
		report_path_hint(error);
		return error;
	}
	return check_origin_free(catalog, request->path, &st);
}

static int make_directory(const char *path)
{
	int error = mkdir(path, 0700) ? -errno : sync_parent(path);

	if (error == -EEXIST)
		return 0;
	if (error)
		report_errno(path, error, "cannot be made");
	return error;
}

/* Where the raw image goes: DIRECTORY/NAME.raw; to be freed, NULL: reported. */
static char *converted_path(const struct template_request *request)
{
	char *directory, *whole, *path = NULL;

	directory = request->directory ? must_strdup(request->directory) :
		    print_string("%s/images", catalog_directory());
	if (request->directory || !make_directory(directory)) {
		whole = realpath(directory, NULL);
		if (whole)
			path = print_string("%s/%s.raw", whole, request->name);
		else
			report_errno(directory, errno, "no directory to convert to");
		free(whole);
	}
	free(directory);
	return path;
}

/* Sets path and kind of the origin, which may have to be made of an image. */
static int find_origin(const struct template_request *request,
		       struct template *template)
{
	enum image_format format = request->format == TEMPLATE_QCOW2 ?
				   IMAGE_QCOW2 : IMAGE_RAW;
	struct stat st;
	int error = 0;

	if (request->format == TEMPLATE_DETECT)
		error = image_detect(request->path, &format);
	if (error)
		return error;
	if (format == IMAGE_QCOW2) {
		template->converted_from = realpath(request->path, NULL);
		template->path = converted_path(request);
		if (!template->path)
			return -EIO;
		error = image_convert(template->converted_from, template->path,
				      request->backing);
		template->is_file = true;
		return error;
	}
	template->path = origin_stable_path(request->path);
	template->is_file = !stat(template->path, &st) && S_ISREG(st.st_mode);
	if (!strncmp(template->path, "/dev/loop", 9)) {
		report_warning(template->path, "a loop device has another number after the next boot");
		report_hint("register the file that is below it");
	}
	return 0;
}

static void show_progress(void *what, u64 done, u64 total)
{
	print_progress(what, done, total);
}

/* Takes both fingerprints, @full only when it is not NULL. */
static int take_fingerprints(const struct template *template, u64 *bytes,
			     u8 *quick, u8 *full)
{
	char *what = print_string("reading %s", template->name);
	unsigned int sector_bytes;
	u64 size;
	int fd = origin_open(template->path, &size, &sector_bytes);
	int error = fd < 0 ? fd : 0;

	*bytes = 0;
	if (!error) {
		*bytes = size - size % 512;
		error = fingerprint_quick(fd, size, quick);
		if (!error && full)
			error = fingerprint_full(fd, size, full, show_progress,
						 what);
		if (error)
			report_errno(template->path, error, "cannot be read");
		close(fd);
	}
	free(what);
	return error;
}

static void free_parts(struct template *template)
{
	free(template->name);
	free(template->path);
	free(template->converted_from);
}

/* The origin as it was before template_add(). */
static void undo_origin(const struct template *template)
{
	if (template->was_writable)
		origin_make_writable(template->path);
	if (template->converted_from && !unlink(template->path))
		sync_parent(template->path);
}

int template_add(struct catalog *catalog, const struct template_request *request)
{
	struct template template = { 0 };
	int error = check_new(catalog, request);

	if (error)
		return error;
	template.name = must_strdup(request->name);
	uuid_generate(template.uuid);
	template.has_full = !request->quick_only;
	error = find_origin(request, &template);
	if (error)
		goto free;
	error = origin_check_quiet(template.path);
	if (!error)
		error = origin_make_read_only(template.path,
					      &template.was_writable);
	if (!error)
		error = take_fingerprints(&template, &template.size_bytes,
					  template.quick, template.has_full ?
					  template.full : NULL);
	if (!error && !template.size_bytes) {
		report_error(template.path, "is empty");
		report_hint("a template needs 512 bytes at least");
		error = -EINVAL;
	}
	if (error)
		goto undo;
	catalog_add_template(catalog, &template);
	error = catalog_save(catalog);
	if (!error)
		return 0;
	catalog->template_count--;
undo:
	undo_origin(&template);
free:
	free_parts(&template);
	return error;
}

static bool is_of(const struct clone *clone, const struct template *template)
{
	return !memcmp(clone->template_uuid, template->uuid, LC_UUID_BYTES);
}

size_t template_clones(const struct catalog *catalog,
		       const struct template *template)
{
	size_t count = 0, i;

	for (i = 0; i < catalog->clone_count; i++)
		count += is_of(&catalog->clones[i], template);
	return count;
}

/* "vm1, vm2 and 3 more"; to be freed. */
static char *names_of_clones(const struct catalog *catalog,
			     const struct template *template, size_t count)
{
	char *names = must_strdup(""), *more;
	size_t named = 0, i;

	for (i = 0; i < catalog->clone_count && named < NAMES_MAX; i++) {
		if (!is_of(&catalog->clones[i], template))
			continue;
		more = print_string("%s%s%s", names, named++ ? ", " : "",
				    catalog->clones[i].name);
		free(names);
		names = more;
	}
	if (count > named) {
		more = print_string("%s and %zu more", names, count - named);
		free(names);
		names = more;
	}
	return names;
}

/* Clones that have gone their own way may have left snapshots that need it. */
static int check_layers(const struct catalog *catalog,
			const struct template *template)
{
	const struct clone *owner;
	size_t i;

	for (i = 0; i < catalog->layer_count; i++) {
		const struct clone *layer = &catalog->layers[i];

		if (!is_of(layer, template))
			continue;
		owner = catalog_clone_by_uuid(catalog, layer->uuid);
		report_error(template->name, "snapshot %s of %s needs it", layer->name,
			     owner ? owner->name : "a clone that is gone");
		if (owner && *layer->name)
			report_hint("remove that first ('lclone remove %s@%s')",
				    owner->name, layer->name);
		return -EBUSY;
	}
	return 0;
}

/* What a change that was cut short has left of which, only its end tells. */
static int check_changing(const struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->clone_count; i++) {
		if (!catalog->clones[i].changing)
			continue;
		report_error(catalog->clones[i].name, "a change of its table was cut short, so its template is not certain");
		report_hint("'lclone activate %s' ends it", catalog->clones[i].name);
		return -EBUSY;
	}
	return 0;
}

int template_remove(struct catalog *catalog, struct template *template)
{
	size_t count = template_clones(catalog, template);
	char *names;
	int error;

	if (count) {
		names = names_of_clones(catalog, template, count);
		report_error(template->name, "%zu clone%s of it: %s", count,
			     count == 1 ? " is made" : "s are made", names);
		report_hint("remove these first ('lclone remove'); without the template they would be lost");
		free(names);
		return -EBUSY;
	}
	error = check_layers(catalog, template);
	if (!error)
		error = check_changing(catalog);
	if (error)
		return error;
	origin_down(template->path);
	if (access(template->path, F_OK))
		report_warning(template->name, "its origin %s is gone already",
			       template->path);
	else
		undo_origin(template);
	catalog_drop_template(catalog, template);
	return catalog_save(catalog);
}

int template_verify(const struct template *template)
{
	u8 quick[LC_FINGERPRINT_BYTES], full[LC_FINGERPRINT_BYTES];
	u64 bytes;
	int error = take_fingerprints(template, &bytes, quick,
				      template->has_full ? full : NULL);

	if (error)
		return error;
	if (!template->has_full)
		report_warning(template->name, "it was added with --quick: only its quick fingerprint can be compared");
	if (bytes == template->size_bytes &&
	    !memcmp(quick, template->quick, sizeof(quick)) &&
	    (!template->has_full || !memcmp(full, template->full, sizeof(full))))
		return 0;
	report_error(template->name, "its origin %s is not what it was when it was registered: its %s",
		     template->path, bytes == template->size_bytes ?
		     "content differs" : "size differs");
	report_hint("do not use its clones before the origin is restored from a copy");
	return -EUCLEAN;
}

struct json_object *template_json(const struct catalog *catalog,
				  const struct template *template)
{
	struct json_object *object = json_object_new_object();
	char hex[HEX_BYTES];

	json_add_string(object, "name", template->name);
	json_add_uuid(object, "uuid", template->uuid);
	json_add_string(object, "kind", template->is_file ? "file" : "device");
	json_add_string(object, "path", template->path);
	json_add_number(object, "size_bytes", template->size_bytes);
	json_add_string(object, "quick_sha256",
			print_hex(template->quick, LC_FINGERPRINT_BYTES, hex));
	json_add_string(object, "sha256", template->has_full ?
			print_hex(template->full, LC_FINGERPRINT_BYTES, hex) :
			NULL);
	json_add_string(object, "converted_from", template->converted_from);
	json_add_number(object, "clone_count",
			template_clones(catalog, template));
	return object;
}
