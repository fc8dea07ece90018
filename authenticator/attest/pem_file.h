/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate and its private key, as files that a tester brings. At most
 * ATTESTATION_PEM_MAX bytes each. The key is wiped when it is done with.
 */
#ifndef AUTHENTICATOR_PEM_FILE_H
#define AUTHENTICATOR_PEM_FILE_H

#include <stddef.h>
#include <stdint.h>

struct pem_files {
	uint8_t	*cert;
	size_t	 cert_len;
	uint8_t	*key;
	size_t	 key_len;
};

/* 0, or -errno and one line in msg. files must be zeroed before. */
int pem_files_read(struct pem_files *files, const char *cert_path,
    const char *key_path, char *msg, size_t msglen);

/* Wipes and frees; any number of times. */
void pem_files_done(struct pem_files *files);

#endif
