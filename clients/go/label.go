package fakeapimart

import (
	"fmt"
	"strings"
	"unicode"
)

const (
	// maxLabel is the longest label that the server takes, in characters.
	maxLabel = 200
	// labelHead is how much of the beginning of a longer name is kept; the rest is of its end.
	labelHead = 80
	cutMark   = "…"
)

// labelOf returns a name as a label: what does not print as ?, and the middle of a long one cut out.
func labelOf(name string, room int) string {
	label := []rune(strings.Map(func(char rune) rune {
		if unicode.IsPrint(char) {
			return char
		}
		return '?'
	}, name))
	if len(label) <= room {
		return string(label)
	}
	tail := room - labelHead - len([]rune(cutMark))
	return string(label[:labelHead]) + cutMark + string(label[len(label)-tail:])
}

// numbered returns the label of a further world of the same test.
func numbered(label string, number int) string {
	if label == "" {
		return ""
	}
	suffix := fmt.Sprintf(" (%d)", number)
	return labelOf(label, maxLabel-len(suffix)) + suffix
}
