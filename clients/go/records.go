package fakeapimart

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// UploadRecord is what the server knows of an uploaded file.
type UploadRecord struct {
	// Name is the last segment of its URL, with its escapes.
	Name string `json:"name"`
	// URL is where clients fetch it.
	URL string `json:"-"`
	// Path is that of the URL.
	Path        string `json:"path"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	// Bytes is its size.
	Bytes int64 `json:"bytes"`
	// CreatedAt is when it was uploaded, in Unix seconds by the world's clock.
	CreatedAt int64 `json:"created_at"`
	// ExpiresAt is when its URL dies, in Unix seconds by the world's clock.
	ExpiresAt int64 `json:"expires_at"`
	// Alive says whether the URL had not expired when the file was listed.
	Alive bool `json:"alive"`
}

// TaskRecord is a generation task in the state it had when listed, which does not count as a poll.
type TaskRecord struct {
	ID string `json:"id"`
	// Status is pending, processing, completed or failed.
	Status string `json:"status"`
	// Progress is in percent.
	Progress int    `json:"progress"`
	Model    string `json:"model"`
	Prompt   string `json:"prompt"`
	// Width is that of its pictures, in pixels.
	Width int `json:"width"`
	// Height is that of its pictures, in pixels.
	Height int `json:"height"`
	// Images is how many pictures it makes.
	Images int `json:"images"`
	// References are the names of the uploads that it refers to, the last segments of their URLs.
	References []string `json:"references"`
	// Failure is the message with which it failed.
	Failure string  `json:"failure"`
	Cost    float64 `json:"cost"`
	// Created is when it was, in Unix seconds by the world's clock.
	Created int64 `json:"created"`
}

// RuleRecord is a rule that the server has.
type RuleRecord struct {
	ID        int       `json:"id"`
	Operation Operation `json:"operation"`
	// Used is how many requests had met the rule when it was listed.
	Used int `json:"used"`
	// shown is the rule as it was written, for messages.
	shown string
}

// Answer is an answer as the server made it; a fault of the connection may have cut it.
type Answer struct {
	// Headers are by lower-case name, with secrets redacted; without Date and Connection.
	Headers map[string]string `json:"headers"`
	// JSON is the body, or a JSON string of its text; null of a file.
	JSON json.RawMessage `json:"body"`
	// Bytes is the size of the body.
	Bytes int64 `json:"bytes"`
}

// Request is a client's request, and the answer to it.
type Request struct {
	ID int `json:"id"`
	// World is the name of the world in whose journal it is: the hash of its key, or "server".
	World string `json:"world"`
	// Time is in Unix seconds by the world's clock.
	Time      float64   `json:"time"`
	Operation Operation `json:"operation"`
	Method    string    `json:"method"`
	// Path is decoded, without the query.
	Path string `json:"path"`
	// Query is as it was sent, with secrets redacted.
	Query string `json:"query"`
	// Status is 0 if no answer was sent.
	Status int `json:"status"`
	// Seconds is how long the answer took.
	Seconds float64 `json:"duration"`
	// Error is the message of the error that was answered.
	Error string `json:"error"`
	// Fault is the name of the rule that answered.
	Fault  string `json:"fault"`
	TaskID string `json:"task_id"`
	// File is the last segment of the file's URL.
	File        string `json:"file"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	// Size is that of the file, in bytes.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Headers are by lower-case name, with secrets such as the API key redacted.
	Headers map[string]string `json:"headers"`
	// PartHeaders are those of the form's part that held the file.
	PartHeaders map[string]string `json:"part_headers"`
	// JSON is the body; a JSON string of its text if it is no JSON, long, or too deep for most
	// parsers; and null if there was none. Stars stand for passwords in its URLs.
	JSON json.RawMessage `json:"body"`
	// BodyBytes is the size of a body that is JSON.
	BodyBytes int64 `json:"body_bytes"`
	// UnreadFields are the names of fields that were sent and that nothing reads.
	UnreadFields []string `json:"unread_fields"`
	// Answer is nil if no answer was sent.
	Answer *Answer `json:"answer"`
}

// Field returns the value at a path in the JSON that was sent, such as "prompt" or "image_urls.0",
// as package encoding/json decodes it; nil if there is none.
func (r Request) Field(path string) any {
	return fieldOf(r.JSON, path)
}

// Field returns the value at a path in the JSON that was answered, such as "error.message", as
// package encoding/json decodes it; nil if there is none.
func (a Answer) Field(path string) any {
	return fieldOf(a.JSON, path)
}

func fieldOf(content json.RawMessage, path string) any {
	var value any
	if json.Unmarshal(content, &value) != nil {
		return nil
	}
	for name := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case map[string]any:
			value = inner[name]
		case []any:
			at, err := strconv.Atoi(name)
			if err != nil || at < 0 || at >= len(inner) {
				return nil
			}
			value = inner[at]
		default:
			return nil
		}
	}
	return value
}

// At returns when the request came, by the world's clock.
func (r Request) At() time.Time {
	return timeOf(r.Time)
}

// String says in a line what was sent, and what was answered.
func (r Request) String() string {
	operation, answer := string(r.Operation), "no answer"
	if operation == "" {
		operation = "unknown"
	}
	if r.Status != 0 {
		answer = strconv.Itoa(r.Status)
	}
	text := fmt.Sprintf("%s: %s %s -> %s", operation, r.Method, r.Path, answer)
	if r.Error != "" {
		text += " " + r.Error
	}
	if r.Fault != "" {
		text += fmt.Sprintf(" (rule: %s)", r.Fault)
	}
	return text
}

func (r RuleRecord) String() string {
	return r.shown
}

func (u UploadRecord) String() string {
	return fmt.Sprintf("upload %q, %s, %d bytes", u.Filename, u.ContentType, u.Bytes)
}

func (t TaskRecord) String() string {
	return fmt.Sprintf("task %s, %s, %q", t.ID, t.Status, t.Prompt)
}

// UnmarshalJSON keeps the rule as it was written, for messages, beside its fields.
func (r *RuleRecord) UnmarshalJSON(content []byte) error {
	type plain RuleRecord
	if err := json.Unmarshal(content, (*plain)(r)); err != nil {
		return err
	}
	var err error
	r.shown, err = shownRule(content)
	return err
}

// timeOf returns an instant of so many Unix seconds: a float has no more than microseconds.
func timeOf(seconds float64) time.Time {
	return time.UnixMicro(int64(seconds * 1e6)).UTC()
}
