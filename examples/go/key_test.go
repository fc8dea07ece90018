// SPDX-License-Identifier: Apache-2.0

// Two models of key at a site, here ../rp, whose policy refuses one: "go test".
package example

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// register says what the site says to a key of that model.
func register(t *testing.T, origin, user, model string) string {
	post := func(path string, body io.Reader) *bytes.Buffer {
		said := new(bytes.Buffer)
		if response, err := http.Post(origin+path, "application/json", body); err != nil {
			t.Fatal(err)
		} else if _, err := said.ReadFrom(response.Body); err != nil {
			t.Fatal(err)
		}
		return said
	}
	browser := exec.Command("sealkey", "webauthn", "create", "--origin", origin, "--tpm", "none",
		"--state", t.TempDir(), "--profile", model, "--set", "uv=on") // no PIN to type
	browser.Stdin = post("/register/options", strings.NewReader(`{"user": "`+user+`"}`))
	browser.Stdout = new(bytes.Buffer)
	if err := browser.Run(); err != nil {
		t.Fatal(err)
	}
	return post("/register/verify", browser.Stdout.(io.Reader)).String()
}
