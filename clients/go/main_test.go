package fakeapimart_test

import (
	"context"
	"log"
	"os"
	"testing"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

// TestMain lets the examples too use one server.
func TestMain(m *testing.M) {
	server, err := fakeapimart.Start(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Setenv("FAKE_APIMART_URL", server.URL); err != nil {
		log.Fatal(err)
	}
	status := m.Run()
	server.Stop()
	os.Exit(status)
}
