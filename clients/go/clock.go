package fakeapimart

import (
	"context"
	"time"
)

// Clock is the clock of a world, behind the times in answers, the progress of tasks, expiry, rate
// limits and idempotency. All methods return its new time.
type Clock struct {
	apimart *APIMart
}

// Now returns the time.
func (c Clock) Now() time.Time {
	c.apimart.tb.Helper()
	now, err := c.apimart.world.Now(context.Background())
	c.apimart.check(err)
	return now
}

// Advance moves the clock ahead.
func (c Clock) Advance(duration time.Duration) time.Time {
	c.apimart.tb.Helper()
	if duration == 0 {
		return c.Now()
	}
	return c.change(ClockChange{Advance: duration})
}

// At sets the clock.
func (c Clock) At(instant time.Time) time.Time {
	c.apimart.tb.Helper()
	return c.change(ClockChange{At: instant})
}

// Freeze stops the clock.
func (c Clock) Freeze() time.Time {
	c.apimart.tb.Helper()
	return c.change(ClockChange{Freeze: true})
}

// Resume lets the clock run again.
func (c Clock) Resume() time.Time {
	c.apimart.tb.Helper()
	return c.change(ClockChange{Resume: true})
}

// Reset sets the clock back to the server's time.
func (c Clock) Reset() time.Time {
	c.apimart.tb.Helper()
	return c.change(ClockChange{Reset: true})
}

func (c Clock) change(change ClockChange) time.Time {
	c.apimart.tb.Helper()
	now, err := c.apimart.world.ChangeClock(context.Background(), change)
	c.apimart.check(err)
	return now
}
