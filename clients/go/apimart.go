package fakeapimart

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// APIMart is the world of a test: everything that a test can do with it. Its methods fail the test at
// the line that called them, with the reason, where the server refuses something. As those of
// testing.TB that end a test, they are for the goroutine of the test.
type APIMart struct {
	// BaseURL is what clients use instead of https://api.apimart.ai.
	BaseURL string
	// APIKey is the key that makes requests belong to this world.
	APIKey string
	// Label is what the world is called in the server's log and in reports: the test's name.
	Label string

	tb     testing.TB
	world  *World
	server *Server

	mutex sync.Mutex
	rules []*AddedRule
	// others are the worlds made by Another.
	others []*APIMart
}

// New returns a new world for a test, a benchmark or a fuzz test, which ends with it. A test that
// passes fails there if it has added a rule that no request has met; one that has failed logs what was
// sent.
//
// All tests of a process share one server, which the first of them starts, unless FAKE_APIMART_URL
// names one that runs. Start says by which command.
func New(tb testing.TB) *APIMart {
	tb.Helper()
	server, err := sharedServer()
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return newAPIMart(tb, server)
}

func newAPIMart(tb testing.TB, server *Server) *APIMart {
	tb.Helper()
	apimart := openAPIMart(tb, server, tb.Name())
	tb.Cleanup(func() {
		tb.Helper()
		apimart.end()
	})
	return apimart
}

func openAPIMart(tb testing.TB, server *Server, label string) *APIMart {
	tb.Helper()
	world, err := server.World(context.Background(), label)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return &APIMart{
		BaseURL: world.BaseURL,
		APIKey:  world.APIKey,
		Label:   world.Label,
		tb:      tb,
		world:   world,
		server:  server,
	}
}

// end checks the rules of a test that has passed, logs the journal of one that has failed, and
// removes its worlds.
func (a *APIMart) end() {
	a.tb.Helper()
	isPanic := isPanicking()
	if !isPanic && !a.tb.Failed() && !a.tb.Skipped() {
		a.CheckRules()
	}
	if isPanic || a.tb.Failed() {
		a.tb.Logf("fake-apimart requests:\n%s", a.Journal())
	}
	for _, each := range a.worlds() {
		if err := each.world.Close(context.Background()); err != nil {
			a.tb.Errorf("%v", err)
			return
		}
	}
}

// isPanicking returns whether this is done on the way of a panic: testing calls what was registered by
// Cleanup before it marks a test that panics as failed.
func isPanicking() bool {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	for {
		frame, more := frames.Next()
		if frame.Function == "runtime.gopanic" {
			return true
		}
		if !more {
			return false
		}
	}
}

// Another returns a second tenant of the same server: a new world, which ends with this one.
func (a *APIMart) Another() *APIMart {
	a.tb.Helper()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	other := openAPIMart(a.tb, a.server, numbered(a.Label, len(a.others)+2))
	a.others = append(a.others, other)
	return other
}

// worlds returns this one, and those made by Another.
func (a *APIMart) worlds() []*APIMart {
	a.mutex.Lock()
	others := append([]*APIMart{}, a.others...)
	a.mutex.Unlock()
	found := []*APIMart{a}
	for _, other := range others {
		found = append(found, other.worlds()...)
	}
	return found
}

// Reset removes uploads, tasks, rules and requests, and resets the clock and the settings.
func (a *APIMart) Reset() {
	a.tb.Helper()
	a.check(a.world.Reset(context.Background()))
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.rules = nil
}

// Clock returns the clock of this world.
func (a *APIMart) Clock() Clock {
	return Clock{a}
}

// Journal describes what was sent to this world and to those made by Another, with the rules that
// answered and those that nobody has met. A test that has failed logs it.
func (a *APIMart) Journal() string {
	worlds := a.worlds()
	var blocks []string
	for _, each := range worlds[:min(len(worlds), maxWorlds)] {
		blocks = append(blocks, each.world.journal(context.Background(), each.missedRules))
	}
	if len(worlds) > maxWorlds {
		blocks = append(blocks, fmt.Sprintf("%s and %d worlds more", cutMark, len(worlds)-maxWorlds))
	}
	return strings.Join(blocks, "\n")
}

// String says which world it is.
func (a *APIMart) String() string {
	return fmt.Sprintf("APIMart %s at %s", a.world.title(), a.server.shownURL())
}

// Requests returns the requests that were sent with this key, newest last.
func (a *APIMart) Requests() []Request {
	a.tb.Helper()
	return a.RequestsMatching(Match{})
}

// RequestsTo returns the requests to an operation.
func (a *APIMart) RequestsTo(operation Operation) []Request {
	a.tb.Helper()
	return a.RequestsMatching(Match{Operation: operation})
}

// RequestsMatching returns the requests to an operation, answered with a status.
func (a *APIMart) RequestsMatching(match Match) []Request {
	a.tb.Helper()
	found, err := a.world.Requests(context.Background(), match)
	a.check(err)
	return found
}

// WaitForRequests waits until so many requests match, and returns all that do. The test fails once the
// time is over, with the requests that came instead.
func (a *APIMart) WaitForRequests(match Match, count int, timeout time.Duration) []Request {
	a.tb.Helper()
	found, err := a.world.WaitForRequests(context.Background(), match, count, timeout)
	a.check(err)
	return found
}

// ClearRequests forgets the requests that were sent.
func (a *APIMart) ClearRequests() {
	a.tb.Helper()
	a.check(a.world.ClearRequests(context.Background()))
}

// check fails the test at the line that has called us, if there is an error.
func (a *APIMart) check(err error) {
	a.tb.Helper()
	if err != nil {
		a.tb.Fatalf("%v", err)
	}
}
