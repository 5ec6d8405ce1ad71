package fakeapimart_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// recorder stands for the testing.TB of a test that may fail, and keeps what it was told.
type recorder struct {
	testing.TB

	mutex    sync.Mutex
	errors   []string
	logs     []string
	cleanups []func()
}

func newRecorder(tb testing.TB) *recorder {
	return &recorder{TB: tb}
}

// run does what the body of a test does, which a fatal error ends.
func (r *recorder) run(body func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		body()
	}()
	<-done
}

// finish ends the test, as package testing does.
func (r *recorder) finish() {
	for at := len(r.cleanups) - 1; at >= 0; at-- {
		r.run(r.cleanups[at])
	}
	r.cleanups = nil
}

// takeErrors returns the errors since it was called last.
func (r *recorder) takeErrors() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	errors := r.errors
	r.errors = nil
	return strings.Join(errors, "\n")
}

func (r *recorder) Helper() {}

func (r *recorder) Cleanup(cleanup func()) {
	r.cleanups = append(r.cleanups, cleanup)
}

func (r *recorder) Errorf(format string, values ...any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, values...))
}

func (r *recorder) Fatalf(format string, values ...any) {
	r.Errorf(format, values...)
	runtime.Goexit()
}

func (r *recorder) Logf(format string, values ...any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.logs = append(r.logs, fmt.Sprintf(format, values...))
}

func (r *recorder) Failed() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.errors) > 0
}

func (r *recorder) Skipped() bool {
	return false
}
