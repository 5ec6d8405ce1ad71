package fakeapimart

import (
	"context"
	"time"
)

// Dialect is a way of answering: as the vendor's page says, or as the live service was seen to.
type Dialect string

// The dialects.
const (
	DialectPage Dialect = "page"
	DialectLive Dialect = "live"
)

// Pace sets how long tasks take. They complete at once by Pace(0).
func (a *APIMart) Pace(duration time.Duration) {
	a.tb.Helper()
	a.change(Settings{"task_seconds": duration.Seconds(), "task_polls": 0})
}

// PacePolls sets how many polls a task stays unfinished for.
func (a *APIMart) PacePolls(polls int) {
	a.tb.Helper()
	a.change(Settings{"task_seconds": 0, "task_polls": polls})
}

// TasksFail makes tasks fail with a message.
func (a *APIMart) TasksFail(message string) {
	a.tb.Helper()
	if message == "" {
		a.tb.Fatalf("message must be given, such as \"no cats today\"")
	}
	a.change(Settings{"task_failure": message})
}

// TasksComplete makes tasks complete, which is the default.
func (a *APIMart) TasksComplete() {
	a.tb.Helper()
	a.change(Settings{"task_failure": ""})
}

// Balance sets the initial balance of the key, from which its spending is subtracted.
func (a *APIMart) Balance(amount float64) {
	a.tb.Helper()
	a.change(Settings{"balance": amount})
}

// RateLimit sets the rate limit of the key, such as "3/minute"; "" removes it.
func (a *APIMart) RateLimit(rate string) {
	a.tb.Helper()
	a.change(Settings{"rate_limit": rate})
}

// Dialect lets this world answer in a dialect; "" is for the server's own, which also answers requests
// whose key is refused.
func (a *APIMart) Dialect(dialect Dialect) {
	a.tb.Helper()
	a.change(Settings{"dialect": orNil(dialect)})
}

// SizeLimit refuses uploads of more bytes; 0 is for the server's own limit.
func (a *APIMart) SizeLimit(bytes int64) {
	a.tb.Helper()
	a.change(Settings{"max_file_bytes": orNil(bytes)})
}

// URLLifetime lets the URLs of files that are uploaded from now on live so long, in whole seconds; 0 is
// for the server's own lifetime: 72 hours, if nobody has set it.
func (a *APIMart) URLLifetime(lifetime time.Duration) {
	a.tb.Helper()
	if lifetime%time.Second != 0 {
		a.tb.Fatalf("lifetime must be whole seconds, not %s", lifetime)
	}
	a.change(Settings{"url_ttl_seconds": orNil(int64(lifetime / time.Second))})
}

func (a *APIMart) change(settings Settings) {
	a.tb.Helper()
	a.check(a.world.Change(context.Background(), settings))
}

// orNil returns nil for a zero value, which stands for the server's own.
func orNil[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}
