// SPDX-License-Identifier: Apache-2.0

// What the site says to keys; the keys are in key_test.go.
package example

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestSyncedPasskeysAreRefused(t *testing.T) {
	policy := t.TempDir() + "/policy.json"
	if err := os.WriteFile(policy, []byte(`{"deviceBound": true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	site := exec.Command("node", "../rp/server.mjs", policy)
	says, _ := site.StdoutPipe()
	if err := site.Start(); err != nil {
		t.Fatal(err)
	}
	defer site.Process.Kill()
	var origin string
	if _, err := fmt.Fscanf(says, "listening on %s", &origin); err != nil {
		t.Fatal(err)
	}

	if said := register(t, origin, "alice", "yubikey-5-nfc"); !strings.Contains(said, `"verified":true`) {
		t.Error("a YubiKey is refused:", said)
	}
	if said := register(t, origin, "bob", "icloud-keychain"); !strings.Contains(said, `"not-device-bound"`) {
		t.Error("a synced passkey is not:", said)
	}
}
