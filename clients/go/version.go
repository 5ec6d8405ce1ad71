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

// versionForm is a version of the server: three numbers, and what comes before their release.
var versionForm = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)((?:a|b|rc|\.dev)\d+)?`)

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
	byNumbers := slices.CompareFunc(one[1:4], other[1:4], func(a, b string) int {
		// No error: these are digits. More than fit into an int are the largest int.
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return cmp.Compare(x, y)
	})
	isEarlyRelease := one[4] != "" && other[4] == ""
	return byNumbers < 0 || byNumbers == 0 && isEarlyRelease
}
