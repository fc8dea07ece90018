/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the catalogue, one file each. A part that is new here goes
 * into the table of fault.c as well, in the order in which people read it.
 */
#ifndef AUTHENTICATOR_FAULT_ROWS_H
#define AUTHENTICATOR_FAULT_ROWS_H

#include "authenticator/fault/fault.h"

struct fault_rows {
	const struct fault *row;
	size_t		 count;
};

#define FAULT_ROWS(rows) { (rows), sizeof(rows) / sizeof((rows)[0]) }

extern const struct fault_rows fault_registration, fault_key;
extern const struct fault_rows fault_statement, fault_tpm;
extern const struct fault_rows fault_authentication;
extern const struct fault_rows fault_client, fault_response, fault_transport;
extern const struct fault_rows fault_metadata;

#endif
