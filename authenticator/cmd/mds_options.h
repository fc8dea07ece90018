/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands of sealkey mds share: a key, models, an authority. */
#ifndef AUTHENTICATOR_MDS_OPTIONS_H
#define AUTHENTICATOR_MDS_OPTIONS_H

#include "authenticator/cmd/cli.h"
#include "authenticator/cmd/profile_option.h"
#include "authenticator/cmd/ready.h"
#include "authenticator/cmd/tpm_options.h"
#include "authenticator/control/manage.h"
#include "authenticator/loopback.h"
#include "authenticator/mds/publisher.h"

struct mds_use {
	bool		 ready;		/* else --help was all */
	int		 verb;		/* enum mds_verb */
	unsigned	 given;		/* options, by bit */
	const char	*state;
	struct profile_option kept;	/* of the key, without --profile */
	struct auth_config auth;	/* of that, and --set */
	bool		 configured;
	struct mds_models models;
	json_t		*reports;	/* --status */
	struct mds_publisher publisher;
	struct sockaddr_storage address;	/* --listen */
	socklen_t	 address_len;
	const char	*output;
	const char	*root, *root_key;
	int		 ready_fd;
	struct tpm_options tpm;
	json_t		*anchors;
	struct mds_authority *authority;
	char		 path[PATH_MAX];	/* of the state directory */
};

int mds_serve(struct mds_use *use);	/* a status */

#endif
