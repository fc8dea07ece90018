/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a TPM, and what it says it is. */
#include "tpm/link_impl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "tpm/embedded.h"

#define LIBRARY_PREFIX	"libtss2-tcti-"
#define SLOTS_MIN	3	/* PC Client Platform TPM Profile, 4.6.1 */
#define SLOTS_MAX	16	/* no need for more */
#define OUR_SLOTS	1	/* for the storage root key */

/* The target. */

/*
 * What comes before the colon; of a library given by its path, its name.
 */
static void
find_kind(struct link *l)
{
	const char *end = strchrnul(l->target, ':');
	const char *name = l->target;
	const char *slash = memrchr(l->target, '/', end - l->target);
	size_t len;

	if (slash != NULL) {
		name = slash + 1;
		if (strncmp(name, LIBRARY_PREFIX, strlen(LIBRARY_PREFIX)) == 0)
			name += strlen(LIBRARY_PREFIX);
		end = memchr(name, '.', end - name) != NULL ?
		    memchr(name, '.', end - name) : end;
	}
	len = end - name;
	if (len >= sizeof(l->kind))
		len = sizeof(l->kind) - 1;
	memcpy(l->kind, name, len);
	l->kind[len] = '\0';
	l->embedded = strcmp(l->target, KEYS_EMBEDDED) == 0;
}

/* A key that was made stays where it is. */
static const char *
or_elsewhere(bool create)
{
	return create ? ", or choose another with --tpm" : "";
}

/* The library only says that it could not: why, the kernel knows. */
static int
device_error(const char *path, bool create, char *msg, size_t msglen)
{
	int error = 0, fd;

	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		error = errno;
	else
		close(fd);
	switch (error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		snprintf(msg, msglen, "there is no TPM at %s: enable it in the"
		    " firmware setup%s", path, or_elsewhere(create));
		break;
	case EACCES:
	case EPERM:
		snprintf(msg, msglen, "no permission to use the TPM at %s:"
		    " have yourself added to its group (tss, as a rule)",
		    path);
		break;
	case EBUSY:
		snprintf(msg, msglen, "another program has the TPM at %s to"
		    " itself: use /dev/tpmrm0", path);
		break;
	default:
		snprintf(msg, msglen, "cannot open the TPM at %s: %s", path,
		    error == 0 ? "it does not answer" : strerror(error));
	}
	return -ENODEV;
}

static int
open_tcti(struct link *l, int dirfd, bool create, char *msg, size_t msglen)
{
	const char *path = strchr(l->target, ':');
	TSS2_RC rc;

	if (l->embedded)
		return embedded_open(dirfd, create, &l->tcti, msg, msglen);
	rc = Tss2_TctiLdr_Initialize(l->target, &l->tcti);
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	l->tcti = NULL;
	if (strcmp(l->kind, "device") == 0 && path != NULL && path[1] != '\0')
		return device_error(path + 1, create, msg, msglen);
	snprintf(msg, msglen, "cannot reach a TPM at %s: start it%s (%s)",
	    l->target, or_elsewhere(create), Tss2_RC_Decode(rc));
	return -ENODEV;
}

/* Facts. */

static int
get_capability(struct link *l, TPM2_CAP cap, UINT32 first, UINT32 count,
    bool *more, TPMS_CAPABILITY_DATA **out)
{
	TPMI_YES_NO flag = 0;
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_GetCapability(l->esys, ESYS_TR_NONE, ESYS_TR_NONE,
		    ESYS_TR_NONE, cap, first, count, &flag, out);
	while (link_again(l, rc, &tries));
	*more = flag != 0;
	return link_result(l, rc, "ask the TPM what it is");
}

static int
nonsense(struct link *l)
{
	l->broken = true;
	return link_fail(l, -EIO, "cannot ask the TPM what it is: the TPM's"
	    " answer makes no sense");
}

/* In each of these, the next question begins where the answer ended. */

static int
read_algs(struct link *l)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	UINT32 next = TPM2_ALG_FIRST;
	bool more = true;
	int r = 0;

	while (r == 0 && more && l->algs_len < LINK_ALGS_MAX) {
		r = get_capability(l, TPM2_CAP_ALGS, next, TPM2_MAX_CAP_ALGS,
		    &more, &data);
		if (r != 0)
			break;
		const TPML_ALG_PROPERTY *list = &data->data.algorithms;

		if (data->capability != TPM2_CAP_ALGS ||
		    (more && list->count == 0))
			r = nonsense(l);
		for (UINT32 i = 0; r == 0 && i < list->count &&
		    l->algs_len < LINK_ALGS_MAX; i++) {
			l->algs[l->algs_len++] = list->algProperties[i].alg;
			next = list->algProperties[i].alg + 1U;
		}
		Esys_Free(data);
	}
	return r;
}

static int
read_curves(struct link *l)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	bool more;
	int r;

	if (!link_has_alg(l, TPM2_ALG_ECC))
		return 0;
	r = get_capability(l, TPM2_CAP_ECC_CURVES, TPM2_ECC_NONE + 1,
	    LINK_CURVES_MAX, &more, &data);
	if (r != 0)
		return r;
	if (data->capability != TPM2_CAP_ECC_CURVES)
		r = nonsense(l);
	for (UINT32 i = 0; r == 0 && i < data->data.eccCurves.count &&
	    i < LINK_CURVES_MAX; i++)
		l->curves[l->curves_len++] = data->data.eccCurves.eccCurves[i];
	Esys_Free(data);
	return r;
}

static int
read_properties(struct link *l)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	UINT32 next = TPM2_PT_FIXED;
	bool more = true;
	int r = 0;

	while (r == 0 && more && next < TPM2_PT_VAR &&
	    l->props_len < LINK_PROPS_MAX) {
		r = get_capability(l, TPM2_CAP_TPM_PROPERTIES, next,
		    TPM2_MAX_TPM_PROPERTIES, &more, &data);
		if (r != 0)
			break;
		const TPML_TAGGED_TPM_PROPERTY *list =
		    &data->data.tpmProperties;

		if (data->capability != TPM2_CAP_TPM_PROPERTIES ||
		    list->count == 0)
			r = nonsense(l);
		for (UINT32 i = 0; r == 0 && i < list->count &&
		    l->props_len < LINK_PROPS_MAX; i++) {
			l->props[l->props_len++] = list->tpmProperty[i];
			next = list->tpmProperty[i].property + 1;
		}
		Esys_Free(data);
	}
	return r;
}

uint32_t
link_property(struct link *l, TPM2_PT property)
{
	for (size_t i = 0; i < l->props_len; i++)
		if (l->props[i].property == property)
			return l->props[i].value;
	return 0;
}

bool
link_has_alg(struct link *l, TPM2_ALG_ID alg)
{
	for (size_t i = 0; i < l->algs_len; i++)
		if (l->algs[i] == alg)
			return true;
	return false;
}

bool
link_has_curve(struct link *l, TPM2_ECC_CURVE curve)
{
	for (size_t i = 0; i < l->curves_len; i++)
		if (l->curves[i] == curve)
			return true;
	return false;
}

/* Four characters a word; NULs go, and blanks at the end. */
static void
put_text(struct link *l, TPM2_PT first, size_t words, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < 4 * words; i++) {
		uint32_t word = link_property(l, first + i / 4);
		unsigned char c = word >> (24 - 8 * (i % 4));

		if (c == '\0')
			continue;
		out[len++] = isascii(c) && isprint(c) ? c : '?';
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

static void
put_facts(struct link *l, struct keys_info *info)
{
	uint32_t revision = link_property(l, TPM2_PT_REVISION);

	info->kind = l->kind;
	info->target = l->target;
	info->tpm = true;
	info->manufacturer_id = link_property(l, TPM2_PT_MANUFACTURER);
	put_text(l, TPM2_PT_MANUFACTURER, 1, info->manufacturer);
	put_text(l, TPM2_PT_VENDOR_STRING_1, 4, info->vendor);
	info->firmware =
	    (uint64_t)link_property(l, TPM2_PT_FIRMWARE_VERSION_1) << 32 |
	    link_property(l, TPM2_PT_FIRMWARE_VERSION_2);
	snprintf(info->revision, sizeof(info->revision), "%u.%02u",
	    revision / 100 % 1000, revision % 100);
	info->hardware = strcmp(l->kind, "device") == 0 &&
	    strncmp(info->vendor, "SW", 2) != 0 &&
	    strstr(info->vendor, "vTPM") == NULL;
	info->has_ek[0] = link_has_alg(l, TPM2_ALG_RSA);
	info->has_ek[1] = link_has_curve(l, TPM2_ECC_NIST_P256);
	info->has_ek[2] = link_has_curve(l, TPM2_ECC_NIST_P384) &&
	    link_has_alg(l, TPM2_ALG_SHA384);
}

static void
count_slots(struct link *l)
{
	uint32_t slots = link_property(l, TPM2_PT_HR_TRANSIENT_MIN);

	if (slots < SLOTS_MIN)
		slots = SLOTS_MIN;
	if (slots > SLOTS_MAX)
		slots = SLOTS_MAX;
	l->room = slots - OUR_SLOTS;
}

/* Opening. */

static int
start(struct link *l)
{
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_Startup(l->esys, TPM2_SU_CLEAR);
	while (link_again(l, rc, &tries));
	/* What the firmware, or somebody before us, has started already. */
	if (link_code(rc) == TPM2_RC_INITIALIZE)
		return 0;
	return link_result(l, rc, "start the TPM");
}

/* What it takes to be of use at all. */
static int
check_facts(struct link *l)
{
	if (!link_has_alg(l, TPM2_ALG_ECC) ||
	    !link_has_curve(l, TPM2_ECC_NIST_P256) ||
	    !link_has_alg(l, TPM2_ALG_SHA256) ||
	    !link_has_alg(l, TPM2_ALG_AES))
		return link_fail(l, -ENOTSUP, "this TPM lacks P-256, SHA-256"
		    " or AES: choose another with --tpm");
	return 0;
}

static int
open_esys(struct link *l, struct keys_info *info)
{
	TSS2_RC rc;
	int r;

	rc = Esys_Initialize(&l->esys, l->tcti, NULL);
	if (rc != TSS2_RC_SUCCESS) {
		l->esys = NULL;
		return link_result(l, rc, "use the TPM");
	}
	r = start(l);
	if (r == 0)
		r = read_algs(l);
	if (r == 0)
		r = read_curves(l);
	if (r == 0)
		r = read_properties(l);
	if (r == 0)
		r = check_facts(l);
	if (r != 0)
		return r;
	count_slots(l);
	put_facts(l, info);
	return 0;
}

int
link_open(const char *target, int dirfd, bool create, struct link **out,
    struct keys_info *info, char *msg, size_t msglen)
{
	struct link *l;
	int r;

	if (strlen(target) >= LINK_TARGET_MAX) {
		snprintf(msg, msglen, "the name of the TPM is too long");
		return -EINVAL;
	}
	/* Its log is for its developers, and nobody's terminal. */
	if (setenv("TSS2_LOG", "all+NONE", 0) == -1)
		return -ENOMEM;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	l->srk = l->session = ESYS_TR_NONE;
	l->wait_ms = link_wait_ms;
	strcpy(l->target, target);
	find_kind(l);
	r = open_tcti(l, dirfd, create, msg, msglen);
	if (r == 0) {
		r = open_esys(l, info);
		if (r != 0)
			snprintf(msg, msglen, "%s", l->line);
	}
	if (r != 0) {
		link_close(l);
		return r;
	}
	*out = l;
	return 0;
}

static void
close_tcti(struct link *l)
{
	if (l->tcti == NULL)
		return;
	if (!l->embedded) {
		Tss2_TctiLdr_Finalize(&l->tcti);
		return;
	}
	Tss2_Tcti_Finalize(l->tcti);
	free(l->tcti);
}

void
link_close(struct link *l)
{
	if (l == NULL)
		return;
	if (l->esys != NULL && !l->broken) {
		link_drop_srk(l);
		if (l->embedded)
			Esys_Shutdown(l->esys, ESYS_TR_NONE, ESYS_TR_NONE,
			    ESYS_TR_NONE, TPM2_SU_CLEAR);
	}
	Esys_Finalize(&l->esys);
	close_tcti(l);
	free(l);
}

ESYS_CONTEXT *
link_esys(struct link *l)
{
	return l->esys;
}

const char *
link_strerror(const struct link *l)
{
	return l->line;
}

bool
link_broken(const struct link *l)
{
	return l->broken;
}

bool
link_is_shared(const struct link *l)
{
	return !l->embedded;
}

int
link_replaced(struct link *l, const char *doing)
{
	l->broken = true;
	return link_fail(l, -EIO, "cannot %s: the TPM took another key than"
	    " ours: programs that share it have to use a resource manager"
	    " (/dev/tpmrm0)", doing);
}
