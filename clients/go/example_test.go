package fakeapimart_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"testing"
	"time"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

// balance asks for the balance of a world's key, as a client of APIMart does.
func balance(world *fakeapimart.World) int {
	request, err := http.NewRequest(http.MethodGet, world.BaseURL+"/v1/balance", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+world.APIKey)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// In tests: t is the argument of the test.
func ExampleNew() {
	test := func(t *testing.T) {
		apimart := fakeapimart.New(t)
		apimart.Pace(0)
		apimart.Fail(fakeapimart.UploadsCreate, fakeapimart.Rule{Error: "rate_limited", Times: 2})
		apimart.Setenv(t)
		// Here your program does its work.
	}
	_ = test
}

// In programs that have no test.
func ExampleStart() {
	ctx := context.Background()
	server, err := fakeapimart.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	world, err := server.World(ctx, "an example")
	if err != nil {
		log.Fatal(err)
	}
	rule := fakeapimart.Rule{Error: fakeapimart.ErrorRateLimited, Times: 2}
	if _, err := world.AddRule(ctx, fakeapimart.BalanceGet, rule); err != nil {
		log.Fatal(err)
	}
	fmt.Println(balance(world), balance(world), balance(world))
	// Output: 429 429 200
}

func ExampleWorld_ChangeClock() {
	ctx := context.Background()
	server, err := fakeapimart.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	world, err := server.World(ctx, "another example")
	if err != nil {
		log.Fatal(err)
	}
	before, err := world.ChangeClock(ctx, fakeapimart.ClockChange{Freeze: true})
	if err != nil {
		log.Fatal(err)
	}
	after, err := world.ChangeClock(ctx, fakeapimart.ClockChange{Advance: 73 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(after.Sub(before).Round(time.Second))
	// Output: 73h0m0s
}

// A rule for large pictures of one kind alone.
func ExampleWhere() {
	rule := fakeapimart.Rule{
		Error: fakeapimart.ErrorUploadFailed,
		Times: fakeapimart.Always,
		Where: fakeapimart.Where{
			Filename: fakeapimart.Glob("*.png"),
			Size:     fakeapimart.AtLeast(1 << 20),
			Header:   map[string]any{"X-Tenant": "acme"},
		},
	}
	fmt.Println(rule.Where.Filename)
	// Output: map[glob:*.png]
}
