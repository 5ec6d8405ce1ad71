package fakeapimart

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// Always lets a rule apply to all requests, as Rule.Times.
const Always = -1

// Rule makes requests fail: by an Error of the vendor's, by an answer of your own (Status, Headers,
// Body), or by a fault of the Socket, each after a Delay; a Delay alone is possible too.
//
// The zero value of every field is its default: such a rule applies once, to the next request.
type Rule struct {
	// Error is the name of an error of the vendor's. Each operation has some of them.
	Error Error
	// Status is that of an answer of your own, from 200 to 599.
	Status int
	// Headers are those of an answer of your own, or of an Error beside its own.
	Headers map[string]string
	// Body is that of an answer of your own: a string and a []byte are sent as they are, and
	// anything else as JSON.
	Body any
	// Socket is what goes wrong with the connection.
	Socket SocketFault
	// Dribble is the pace of the socket fault of this name.
	Dribble Dribble
	// Delay is how long the answer takes, or the fault of the socket.
	Delay time.Duration
	// Where says which requests the rule is for; others do not count.
	Where Where
	// Times is how many requests the rule applies to: 0 is one, and Always is for all.
	Times int
	// After is how many requests pass before.
	After int
	// Every lets the rule apply to each so manyth request of those that follow; 0 is each.
	Every int
	// Optional lets a test pass although no request has met the rule.
	Optional bool
}

// Dribble is the pace of a slow answer: pieces of so many Bytes, each with a Pause behind it.
type Dribble struct {
	Bytes int
	Pause time.Duration
}

// ruleFields are a rule as the control API takes it. Pointers and any tell what is not set.
type ruleFields struct {
	Operation  Operation         `json:"operation"`
	Error      Error             `json:"error,omitempty"`
	Status     int               `json:"status,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       json.RawMessage   `json:"body,omitempty"`
	BodyBase64 *[]byte           `json:"body_base64,omitempty"`
	Socket     SocketFault       `json:"socket,omitempty"`
	Dribble    *dribbleFields    `json:"dribble,omitempty"`
	Delay      float64           `json:"delay,omitempty"`
	Where      *Where            `json:"where,omitempty"`
	Times      *int              `json:"times"`
	After      int               `json:"after,omitempty"`
	Every      int               `json:"every,omitempty"`
}

type dribbleFields struct {
	Bytes   int     `json:"bytes,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

// fields returns the rule for an operation as the control API takes it, or an error that names the
// field of the Rule that cannot be sent. What the server refuses is left to it.
func (r Rule) fields(operation Operation) (ruleFields, error) {
	fields := ruleFields{
		Operation: operation,
		Error:     r.Error,
		Status:    r.Status,
		Headers:   r.Headers,
		Socket:    r.Socket,
		Delay:     r.Delay.Seconds(),
		After:     r.After,
		Every:     r.Every,
	}
	if r.Dribble != (Dribble{}) {
		fields.Dribble = &dribbleFields{Bytes: r.Dribble.Bytes, Seconds: r.Dribble.Pause.Seconds()}
	}
	times, err := r.times()
	if err != nil {
		return ruleFields{}, err
	}
	fields.Times = times
	if fields.Where, err = r.where(); err != nil {
		return ruleFields{}, err
	}
	return fields, r.setBody(&fields)
}

func (r Rule) times() (*int, error) {
	switch {
	case r.Times == Always:
		return nil, nil
	case r.Times < 0:
		return nil, fmt.Errorf("Rule.Times must be a number of requests or Always, not %d", r.Times)
	default:
		times := max(r.Times, 1)
		return &times, nil
	}
}

func (r Rule) where() (*Where, error) {
	encoded, err := json.Marshal(r.Where)
	if err != nil {
		return nil, fmt.Errorf("Rule.Where is no JSON: %w", err)
	}
	if string(encoded) == "{}" {
		return nil, nil
	}
	return &r.Where, nil
}

func (r Rule) setBody(fields *ruleFields) error {
	switch body := r.Body.(type) {
	case nil:
		return nil
	case []byte:
		if body == nil {
			body = []byte{}
		}
		fields.BodyBase64 = &body
		return nil
	case string:
		if !utf8.ValidString(body) {
			return fmt.Errorf("Rule.Body is no text in UTF-8: %q; use a []byte", body)
		}
	}
	encoded, err := json.Marshal(r.Body)
	if err != nil {
		return fmt.Errorf("Rule.Body must be a string, a []byte or JSON: %w", err)
	}
	fields.Body = encoded
	return nil
}
