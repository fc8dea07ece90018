/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on the way between key and host, for the part of a site that runs in
 * a page: does it say what went wrong, and can the user try again? The server
 * sees none of them.
 */
#include "authenticator/fault/fault_rows.h"
#include "ctap/status.h"

#define MESSAGE	"say what happened, and let the user try again"

#define ROW(name_, transport_, value_, usual_, breaks_, check_) \
	{ .name = name_, .stage = FAULT_TRANSPORT, .verdict = FAULT_TOLERATE, \
	  .transport = transport_, .value = value_, .usual = usual_, \
	  .breaks = breaks_, .check = check_, .section = "5.1.3, 5.1.4" }
#define STATUS(name_, status, breaks_, check_) \
	ROW(name_, FAULT_TRANSPORT_STATUS, FAULT_NO_VALUE, status, breaks_, \
	    check_)

static const struct fault rows[] = {
	ROW("hid.timeout", FAULT_TRANSPORT_SILENCE, FAULT_NO_VALUE, 0,
	    "The key never answers, and sends no keepalives.", MESSAGE),
	ROW("hid.keepalive-forever", FAULT_TRANSPORT_KEEPALIVE,
	    FAULT_NO_VALUE, 0,
	    "The key says for ever that it is working.",
	    "end the ceremony by itself, when its time is up"),
	ROW("hid.unplug-mid", FAULT_TRANSPORT_UNPLUG, FAULT_NO_VALUE, 0,
	    "The key is pulled out in the middle of the ceremony, and stays "
	    "out until somebody plugs it in (sealkey ctl plug).", MESSAGE),
	ROW("hid.busy", FAULT_TRANSPORT_BUSY, FAULT_NO_VALUE, 0,
	    "The key says that its channel is busy.", MESSAGE),
	ROW("hid.slow", FAULT_TRANSPORT_DELAY, FAULT_VALUE_MS, 5000,
	    "The key takes long: as many milliseconds as the value says.",
	    "wait as long as its timeout says"),
	ROW("ctap.error", FAULT_TRANSPORT_STATUS, FAULT_VALUE_STATUS,
	    CTAP2_ERR_OPERATION_DENIED,
	    "The key refuses, with the status that the value says.", MESSAGE),
	STATUS("ctap.pin-blocked", CTAP2_ERR_PIN_BLOCKED,
	    "The key's PIN is blocked: only a reset helps.",
	    "offer another way in: this key is of no use"),
	STATUS("ctap.pin-auth-blocked", CTAP2_ERR_PIN_AUTH_BLOCKED,
	    "The key wants to be plugged in anew before its PIN is tried "
	    "again.", MESSAGE),
	STATUS("ctap.uv-blocked", CTAP2_ERR_UV_BLOCKED,
	    "The key no longer verifies its user by itself.", MESSAGE),
	STATUS("ctap.store-full", CTAP2_ERR_KEY_STORE_FULL,
	    "The key has no place for one more credential.",
	    "say so: the user has to delete one"),
	STATUS("ctap.no-credentials", CTAP2_ERR_NO_CREDENTIALS,
	    "The key has no credential for this site.",
	    "offer another way in, or to register"),
	STATUS("auth.reset-token", CTAP2_ERR_NO_CREDENTIALS,
	    "The key was reset, and every credential is gone.",
	    "offer to recover the account, and to register again"),
	STATUS("ctap.excluded", CTAP2_ERR_CREDENTIAL_EXCLUDED,
	    "The key says that it is registered already.",
	    "say so (InvalidStateError)"),
	STATUS("ctap.denied", CTAP2_ERR_OPERATION_DENIED,
	    "The user says no.", MESSAGE),
	STATUS("ctap.user-timeout", CTAP2_ERR_USER_ACTION_TIMEOUT,
	    "The user does nothing.", MESSAGE),
	STATUS("ctap.unsupported-algorithm", CTAP2_ERR_UNSUPPORTED_ALGORITHM,
	    "The key has none of the algorithms.",
	    "say so (NotSupportedError)"),
};

const struct fault_rows fault_transport = FAULT_ROWS(rows);
