/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/http_server.h"

static unsigned
connections(struct MHD_Daemon *mhd)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(mhd,
	    MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info != NULL ? info->num_connections : 0;
}

void
http_server_run(struct MHD_Daemon *mhd)
{
	unsigned before, after = connections(mhd);

	do {
		before = after;
		(void)MHD_run(mhd);
		after = connections(mhd);
	} while (after < before);
}
