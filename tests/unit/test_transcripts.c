/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sealkey conformance` as a unit test, where sanitizers and coverage see it:
 * every case in the simulator. An argument names a file of cases instead.
 */
#include "authenticator/cmd/cli.h"

#include <stdio.h>

int
main(int argc, char **argv)
{
	char name[] = "conformance", option[] = "--cases";
	char *args[] = { name, NULL, NULL, NULL };
	int status;

	if (argc > 1) {
		args[1] = option;
		args[2] = argv[1];
	}
	status = cmd_conformance(argc > 1 ? 3 : 1, args);
	return fflush(stdout) == 0 ? status : CLI_FAILED;
}
