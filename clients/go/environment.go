package fakeapimart

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// everyHost is what NO_PROXY says where no host has a proxy; it means that alone, and not in a list.
const everyHost = "*"

// Setenv sets the variables of Environ for the rest of a test. As all of testing.T.Setenv, it cannot be
// used in parallel tests: let these give BaseURL and APIKey to the client.
func (a *APIMart) Setenv(tb testing.TB) {
	tb.Helper()
	for _, each := range a.Environ() {
		name, value, _ := strings.Cut(each, "=")
		tb.Setenv(name, value)
	}
}

// Environ returns the variables by which programs find this world, for exec.Cmd.Env behind those of
// os.Environ: APIMART_BASE_URL, APIMART_API_KEY, and in both of its spellings NO_PROXY, which keeps the
// hosts that this process has in it.
func (a *APIMart) Environ() []string {
	hosts := os.Getenv("no_proxy")
	if hosts == "" {
		hosts = os.Getenv("NO_PROXY")
	}
	withoutProxy := withHost(hosts, a.BaseURL)
	return []string{
		"APIMART_BASE_URL=" + a.BaseURL,
		"APIMART_API_KEY=" + a.APIKey,
		"NO_PROXY=" + withoutProxy,
		"no_proxy=" + withoutProxy,
	}
}

// withHost returns a list of hosts with that of a URL in it.
func withHost(hosts, baseURL string) string {
	var own string
	if parsed, err := url.Parse(baseURL); err == nil {
		own = parsed.Hostname()
	}
	var listed []string
	for each := range strings.SplitSeq(hosts, ",") {
		if each = strings.TrimSpace(each); each != "" {
			listed = append(listed, each)
		}
	}
	switch {
	case slices.Contains(listed, everyHost):
		return everyHost
	case !slices.Contains(listed, own):
		listed = append(listed, own)
	}
	return strings.Join(listed, ",")
}
