package fakeapimart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxNearest is how many requests a message shows.
	maxNearest = 10
	// maxRequests is how many requests of a world a journal shows, the latest.
	maxRequests = 30
	maxWorlds   = 10
	maxRules    = 10
	// maxLine is the longest line, in characters.
	maxLine = 200
	// slowSeconds is from how long on it is said how long an answer took.
	slowSeconds = 0.1
	// firstError is from which status on an answer is marked.
	firstError = 400

	indent        = "    "
	keyCharacters = 12
)

// nearest describes the latest requests: those to an operation, or any if there are none.
func (w *World) nearest(ctx context.Context, operation Operation) string {
	sent, err := w.Requests(ctx, Match{})
	if err != nil {
		return fmt.Sprintf("What was sent is unknown: %v", err)
	}
	if len(sent) == 0 {
		return "Nothing was sent with this key."
	}
	same := slices.DeleteFunc(slices.Clone(sent), func(each Request) bool {
		return each.Operation != operation
	})
	if len(same) == 0 {
		same = sent
	}
	lines := []string{"Nearest were:"}
	for _, each := range same[max(0, len(same)-maxNearest):] {
		lines = append(lines, line("  "+each.String()))
	}
	return strings.Join(lines, "\n")
}

// title is what the world is called: its label, or the beginning of its key, at most half.
func (w *World) title() string {
	if w.Label != "" {
		return strconv.Quote(w.Label)
	}
	return fmt.Sprintf("key %s%s", w.APIKey[:min(keyCharacters, len(w.APIKey)/2)], cutMark)
}

// journal describes what was sent to the world, and those of its rules that nobody has met.
func (w *World) journal(ctx context.Context, missed func(context.Context) ([]*AddedRule, error)) string {
	sent, err := w.Requests(ctx, Match{})
	if err != nil {
		return line(fmt.Sprintf("%s: unknown: %v", w.title(), err))
	}
	lines := []string{line(fmt.Sprintf("%s: %s", w.title(), counted(len(sent), "request")))}
	lines = append(lines, requestLines(sent)...)
	rules, err := missed(ctx)
	if err != nil {
		return strings.Join(append(lines, line(fmt.Sprintf("rules: unknown: %v", err))), "\n")
	}
	for _, each := range rules[:min(len(rules), maxRules)] {
		lines = append(lines, line(fmt.Sprintf("never met: %s", each)))
	}
	if len(rules) > maxRules {
		lines = append(lines, fmt.Sprintf("%s and %d rules more", cutMark, len(rules)-maxRules))
	}
	return strings.Join(lines, "\n")
}

func requestLines(sent []Request) []string {
	var lines []string
	if len(sent) > maxRequests {
		lines = append(lines, fmt.Sprintf("%s%s %d earlier ones", indent, cutMark, len(sent)-maxRequests))
	}
	day := ""
	for _, each := range sent[max(0, len(sent)-maxRequests):] {
		if its := each.At().Format("2006-01-02"); its != day {
			day = its
			lines = append(lines, fmt.Sprintf("%s%s UTC, by the clock of the world", indent, day))
		}
		for _, about := range linesOf(each) {
			lines = append(lines, line(about))
		}
	}
	return lines
}

// linesOf says what a request was, marked where it was refused, and what it held.
func linesOf(request Request) []string {
	mark := " "
	if request.Status == 0 || request.Status >= firstError {
		mark = "!"
	}
	first := fmt.Sprintf("%s   %s %s", mark, request.At().Format("15:04:05.000"), request)
	if request.Seconds >= slowSeconds {
		first += fmt.Sprintf(" after %.3f s", request.Seconds)
	}
	lines, inner := []string{first}, strings.Repeat(indent, 4)
	if request.Filename != "" {
		kind := request.ContentType
		if kind == "" {
			kind = "of an unknown type"
		}
		lines = append(lines, fmt.Sprintf("%sfile %q, %s, %d bytes", inner, request.Filename, kind,
			request.Size))
	}
	if content := string(request.JSON); content != "" && content != "null" {
		lines = append(lines, inner+"json "+content)
	}
	if len(request.UnreadFields) > 0 {
		lines = append(lines, inner+"nothing reads "+strings.Join(request.UnreadFields, ", "))
	}
	return lines
}

// line returns a text, which somebody has sent, on one line of limited length.
func line(text string) string {
	var shown strings.Builder
	left := maxLine
	for _, char := range text {
		escaped := string(char)
		if !unicode.IsPrint(char) {
			escaped = strings.Trim(strconv.QuoteRuneToASCII(char), "'")
		}
		left -= utf8.RuneCountInString(escaped)
		if left < 0 {
			return shown.String() + cutMark
		}
		shown.WriteString(escaped)
	}
	return shown.String()
}

func counted(number int, noun string) string {
	if number != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", number, noun)
}

// shownRule returns a rule as a message shows it: its operation, and what was asked for.
func shownRule(content []byte) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return "", err
	}
	defaults := map[string]string{"times": "1", "after": "0", "every": "1"}
	var operation string
	if err := json.Unmarshal(fields["operation"], &operation); err != nil {
		return "", err
	}
	shown := []string{operation}
	for _, name := range []string{
		"error", "status", "headers", "body", "body_base64", "socket", "dribble", "delay", "where",
		"times", "after", "every",
	} {
		value := bytes.TrimSpace(fields[name])
		isUnset := len(value) == 0 || bytes.Equal(value, []byte("null")) && name != "times"
		if !isUnset && string(value) != defaults[name] {
			shown = append(shown, fmt.Sprintf("%s=%s", name, value))
		}
	}
	return strings.Join(shown, " "), nil
}
