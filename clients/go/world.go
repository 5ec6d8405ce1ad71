package fakeapimart

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// World is the world of one API key: its own files, tasks, rules, clock, settings and requests. Its
// methods are calls of the control API, which return the server's reason where it refuses them. Tests
// have an APIMart, whose methods fail the test instead. It is safe for concurrent use.
type World struct {
	// BaseURL is what clients use instead of https://api.apimart.ai.
	BaseURL string
	// APIKey is the key that makes requests belong to this world.
	APIKey string
	// Label is what the world is called in the server's log.
	Label string

	control control
}

func newWorld(server *Server, label string) *World {
	var random [16]byte
	// Never fails, by its documentation.
	_, _ = rand.Read(random[:])
	key := "sk-fake-" + hex.EncodeToString(random[:])
	return &World{
		BaseURL: server.URL,
		APIKey:  key,
		Label:   labelOf(label, maxLabel),
		control: control{server: server, key: key},
	}
}

func (w *World) open(ctx context.Context) error {
	return w.Change(ctx, Settings{"label": orNil(w.Label)})
}

// Close removes the world.
func (w *World) Close(ctx context.Context) error {
	return w.control.call(ctx, http.MethodDelete, "world", nil, nil)
}

// Reset removes uploads, tasks, rules and requests, and resets the clock and the settings.
func (w *World) Reset(ctx context.Context) error {
	if err := w.control.call(ctx, http.MethodPost, "reset", nil, nil); err != nil {
		return err
	}
	return w.open(ctx)
}

// Settings are those of a world, by their names in the control API; nil returns to the server's.
type Settings map[string]any

// Change changes settings of the world until its next reset.
func (w *World) Change(ctx context.Context, settings Settings) error {
	return w.control.call(ctx, http.MethodPatch, "world", settings, nil)
}

// Now returns the time of the world's clock.
func (w *World) Now(ctx context.Context) (time.Time, error) {
	return w.clock(ctx, http.MethodGet, nil)
}

// ClockChange is either Reset, or any of Advance or At, and Freeze.
type ClockChange struct {
	// Advance moves the clock ahead.
	Advance time.Duration
	// At sets the clock.
	At time.Time
	// Freeze stops the clock.
	Freeze bool
	// Resume lets it run again.
	Resume bool
	// Reset sets it back to the server's time.
	Reset bool
}

// ChangeClock changes the world's clock, and returns its new time.
func (w *World) ChangeClock(ctx context.Context, change ClockChange) (time.Time, error) {
	fields := map[string]any{}
	if change.Advance != 0 {
		fields["advance"] = change.Advance.Seconds()
	}
	if !change.At.IsZero() {
		fields["at"] = float64(change.At.UnixMicro()) / 1e6
	}
	if change.Freeze || change.Resume {
		fields["freeze"] = change.Freeze
	}
	if change.Reset {
		fields["reset"] = true
	}
	return w.clock(ctx, http.MethodPost, fields)
}

func (w *World) clock(ctx context.Context, method string, change any) (time.Time, error) {
	var clock struct{ Now float64 }
	if err := w.control.call(ctx, method, "clock", change, &clock); err != nil {
		return time.Time{}, err
	}
	return timeOf(clock.Now), nil
}

// AddRule adds a rule for the requests to an operation.
func (w *World) AddRule(ctx context.Context, operation Operation, rule Rule) (RuleRecord, error) {
	fields, err := rule.fields(operation)
	if err != nil {
		return RuleRecord{}, err
	}
	var added RuleRecord
	err = w.control.call(ctx, http.MethodPost, "faults", fields, &added)
	return added, err
}

// Rules returns the rules that the world has, in the order in which they fire.
func (w *World) Rules(ctx context.Context) ([]RuleRecord, error) {
	var found struct{ Faults []RuleRecord }
	err := w.control.call(ctx, http.MethodGet, "faults", nil, &found)
	return found.Faults, err
}

// RemoveRule removes the rule of this id.
func (w *World) RemoveRule(ctx context.Context, id int) error {
	path := "faults?id=" + strconv.Itoa(id)
	return w.control.call(ctx, http.MethodDelete, path, nil, nil)
}

// Uploads returns the uploaded files, oldest first, whatever clock and rules say.
func (w *World) Uploads(ctx context.Context) ([]UploadRecord, error) {
	var found struct{ Uploads []UploadRecord }
	err := w.control.call(ctx, http.MethodGet, "uploads", nil, &found)
	for at := range found.Uploads {
		found.Uploads[at].URL = w.BaseURL + found.Uploads[at].Path
	}
	return found.Uploads, err
}

// AddUpload puts a file into the world, as if a client had uploaded it. It is checked as an upload
// is, but meets no rule and no rate limit, and is no request.
func (w *World) AddUpload(
	ctx context.Context, content []byte, filename string,
) (UploadRecord, error) {
	if filename == "" {
		return UploadRecord{}, errors.New("filename must be given, such as photo.png")
	}
	path := "uploads?filename=" + url.QueryEscape(filename)
	answer, err := w.control.send(ctx, http.MethodPost, path, typeOctets, content)
	if err != nil {
		return UploadRecord{}, err
	}
	var added UploadRecord
	err = w.control.parse(answer, &added)
	added.URL = w.BaseURL + added.Path
	return added, err
}

// ReadUpload returns the bytes of the file of this name, even if its URL has expired.
func (w *World) ReadUpload(ctx context.Context, name string) ([]byte, error) {
	return w.control.send(ctx, http.MethodGet, "uploads/"+name, typeJSON, nil)
}

// ExpireUpload lets the URL of the file of this name be dead from now on. The clock stays as it is.
func (w *World) ExpireUpload(ctx context.Context, name string) (UploadRecord, error) {
	var expired UploadRecord
	path := "uploads/" + name + "/expire"
	err := w.control.call(ctx, http.MethodPost, path, nil, &expired)
	expired.URL = w.BaseURL + expired.Path
	return expired, err
}

// Tasks returns the generation tasks, oldest first.
func (w *World) Tasks(ctx context.Context) ([]TaskRecord, error) {
	var found struct{ Tasks []TaskRecord }
	err := w.control.call(ctx, http.MethodGet, "tasks", nil, &found)
	return found.Tasks, err
}

// CompleteTask lets the task of this id complete now, with its pictures, its cost and its callback.
func (w *World) CompleteTask(ctx context.Context, id string) (TaskRecord, error) {
	return w.endTask(ctx, id, "complete", nil)
}

// FailTask lets the task of this id fail now with a message, and with its callback.
func (w *World) FailTask(ctx context.Context, id, message string) (TaskRecord, error) {
	return w.endTask(ctx, id, "fail", map[string]string{"message": message})
}

func (w *World) endTask(ctx context.Context, id, how string, body any) (TaskRecord, error) {
	var ended TaskRecord
	path := "tasks/" + url.PathEscape(id) + "/" + how
	err := w.control.call(ctx, http.MethodPost, path, body, &ended)
	return ended, err
}

// Match says which requests are meant. The zero value is for all of them.
type Match struct {
	// Operation is what they asked for.
	Operation Operation
	// Status is that of their answers.
	Status int
}

func (m Match) query() url.Values {
	query := url.Values{}
	if m.Operation != "" {
		query.Set("operation", string(m.Operation))
	}
	if m.Status != 0 {
		query.Set("status", strconv.Itoa(m.Status))
	}
	return query
}

// String says which requests are meant, behind "request(s)".
func (m Match) String() string {
	switch {
	case m.Status == 0 && m.Operation == "":
		return "of any kind"
	case m.Status == 0:
		return string(m.Operation)
	case m.Operation == "":
		return fmt.Sprintf("answered %d", m.Status)
	default:
		return fmt.Sprintf("%s answered %d", m.Operation, m.Status)
	}
}

// Requests returns the requests that were sent with the world's key and match, newest last.
func (w *World) Requests(ctx context.Context, match Match) ([]Request, error) {
	var found struct{ Requests []Request }
	path := "requests?" + match.query().Encode()
	err := w.control.call(ctx, http.MethodGet, path, nil, &found)
	return found.Requests, err
}

// WaitForRequests waits until so many requests match, and returns all that do. It fails once the time
// is over, with the requests that came instead.
func (w *World) WaitForRequests(
	ctx context.Context, match Match, count int, timeout time.Duration,
) ([]Request, error) {
	query := match.query()
	query.Set("count", strconv.Itoa(count))
	query.Set("timeout", strconv.FormatFloat(timeout.Seconds(), 'f', -1, 64))
	ctx, cancel := context.WithTimeout(ctx, timeout+callTimeout)
	defer cancel()
	var waited struct {
		Requests  []Request
		Satisfied bool
	}
	err := w.control.call(ctx, http.MethodGet, "requests/wait?"+query.Encode(), nil, &waited)
	if err != nil {
		return nil, err
	}
	if !waited.Satisfied {
		return nil, fmt.Errorf("waited %s for %d request(s) %s, %d came. %s",
			timeout, count, match, len(waited.Requests), w.nearest(ctx, match.Operation))
	}
	return waited.Requests, nil
}

// ClearRequests forgets the requests that were sent.
func (w *World) ClearRequests(ctx context.Context) error {
	return w.control.call(ctx, http.MethodPost, "reset/journal", nil, nil)
}
