package inner

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

func TestFails(t *testing.T) {
	t.Run("for a rule that nobody met", func(t *testing.T) {
		t.Parallel()
		apimart := fakeapimart.New(t) // says: never met: uploads.create error="rate_limited".
		apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited"})
	})
	t.Run("for a name that there is not", func(t *testing.T) {
		t.Parallel()
		apimart := fakeapimart.New(t)
		apimart.Fail("uploads.destroy", fakeapimart.Rule{Error: "rate_limited"}) // says: operation
	})
	t.Run("for a rate", func(t *testing.T) {
		t.Parallel()
		fakeapimart.New(t).RateLimit("often") // says: rate_limit
	})
	t.Run("for a clock", func(t *testing.T) {
		t.Parallel()
		fakeapimart.New(t).Clock().Advance(-time.Second) // says: advance
	})
	t.Run("for a request", func(t *testing.T) {
		t.Parallel()
		apimart := fakeapimart.New(t)
		apimart.WaitForRequests(fakeapimart.Match{}, 1, time.Millisecond) // says: waited 1ms for 1 request(s) of any kind, 0 came.
	})
	t.Run("for a file", func(t *testing.T) {
		t.Parallel()
		fakeapimart.New(t).AddUpload(nil, "") // says: filename must be given
	})
	t.Run("for a rule", func(t *testing.T) {
		t.Parallel()
		apimart := fakeapimart.New(t)
		rule := apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited"})
		rule.Remove()
		rule.Remove() // says: there is no
	})
	t.Run("for the journal", func(t *testing.T) {
		t.Parallel()
		apimart := fakeapimart.New(t) // says: fake-apimart requests:
		request, _ := http.NewRequest(http.MethodGet, apimart.BaseURL+"/v1/balance", nil)
		request.Header.Set("Authorization", "Bearer "+apimart.APIKey)
		if _, err := http.DefaultClient.Do(request); err != nil {
			t.Fatal(err)
		}
		t.Fail()
	})
	t.Run("that is fine", func(t *testing.T) {
		t.Parallel()
		fakeapimart.New(t).Pace(0)
	})
}

func TestPanics(t *testing.T) {
	apimart := fakeapimart.New(t)
	apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited"})
	panic("on purpose")
}

func TestEnds(t *testing.T) {
	for how, end := range map[string]func(){
		"killed": func() { time.Sleep(time.Minute) },
		"panics": func() { panic("on purpose") },
		"passes": func() {},
	} {
		t.Run(how, func(t *testing.T) {
			fmt.Printf("server at %s\n", fakeapimart.New(t).BaseURL)
			end()
		})
	}
}
