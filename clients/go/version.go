package fakeapimart

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// OldestServer is the oldest version of a server that has all that this module asks for.
const OldestServer = "0.1.0"

// versionForm is the three numbers that a version begins with: a release candidate has those of its
// release.
var versionForm = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)`)

// checkVersion returns an error where the server at a URL is older than oldest, or says no version.
func checkVersion(url, version, oldest string) error {
	given := versionForm.FindStringSubmatch(version)
	if given != nil && !isBefore(given, versionForm.FindStringSubmatch(oldest)) {
		return nil
	}
	return fmt.Errorf("fake-apimart at %s is version %s: this module needs %s or newer",
		url, cmp.Or(version, "unknown"), oldest)
}

// isBefore compares what versionForm has found in two versions.
func isBefore(one, other []string) bool {
	return slices.CompareFunc(one[1:], other[1:], func(a, b string) int {
		// No error: these are digits. More than fit into an int are the largest int.
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return cmp.Compare(x, y)
	}) < 0
}
