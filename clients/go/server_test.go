package fakeapimart_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

// oldServer stands for a server that says only which version it is.
func oldServer(t *testing.T, version string, asked *atomic.Int32) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/_fake/health" {
			asked.Add(1)
			fmt.Fprintf(answer, `{"status":"ok","version":%q,"storage":"memory://"}`, version)
			return
		}
		fmt.Fprint(answer, "{}")
	}))
	t.Cleanup(server.Close)
	return server
}

func TestServerThatIsTooOldIsNamed(t *testing.T) {
	t.Parallel()
	for version, shown := range map[string]string{"0.0.9": "0.0.9", "old": "old", "": "unknown"} {
		var asked atomic.Int32
		old := oldServer(t, version, &asked)
		_, err := fakeapimart.Connect(t.Context(), old.URL)
		want := fmt.Sprintf("fake-apimart at %s is version %s: this module needs %s or newer",
			old.URL, shown, fakeapimart.OldestServer)
		if err == nil || err.Error() != want {
			t.Error(err)
		}
	}
}

func TestVersionIsAskedForOncePerServer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server, err := fakeapimart.Connect(t.Context(), oldServer(t, "7.0.0", &asked).URL)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		server.New(t)
	}
	if asked.Load() != 1 {
		t.Error(asked.Load())
	}
}

func TestWhatIsNoServerIsNamed(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(answer, "<html>\n<body>Hello</body>")
	}))
	t.Cleanup(page.Close)
	moved := httptest.NewServer(http.RedirectHandler("https://example.com/", http.StatusFound))
	t.Cleanup(moved.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	withPassword := strings.Replace(gone.URL, "//", "//user:secret@", 1)
	for url, want := range map[string]string{
		page.URL:        page.URL + " is no fake-apimart: it answered 200 <html> <body>Hello</body>",
		moved.URL:       moved.URL + " is no fake-apimart: it answered 302",
		gone.URL:        gone.URL + " does not answer: ",
		withPassword:    "//user:xxxxx@127.0.0.1",
		"127.0.0.1:80":  `"127.0.0.1:80" is no URL of a server, such as http://127.0.0.1:8080`,
		"ftp://a":       `"ftp://a" is no URL of a server`,
		"http://":       `"http:" is no URL of a server`,
		"http://a:port": `is no URL of a server`,
	} {
		_, err := fakeapimart.Connect(t.Context(), url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Error("the password is shown")
		}
	}
}

func TestServerWithoutControlIsNamed(t *testing.T) {
	t.Parallel()
	without := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/_fake/health" {
			fmt.Fprint(answer, `{"version":"7.0.0"}`)
			return
		}
		answer.WriteHeader(http.StatusNotFound)
		fmt.Fprint(answer, `{"error":{"message":"Invalid URL (PATCH /_fake/world)"}}`)
	}))
	t.Cleanup(without.Close)
	server, err := fakeapimart.Connect(t.Context(), without.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = server.World(t.Context(), "")
	want := without.URL + " has no control API: is it a fake-apimart, with FAKE_APIMART_CONTROL on?"
	if err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestServerBehindAPathIsReached(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	inner := oldServer(t, "7.0.0", &asked)
	outer := httptest.NewServer(http.StripPrefix("/fake", inner.Config.Handler))
	t.Cleanup(outer.Close)
	server, err := fakeapimart.Connect(t.Context(), outer.URL+"/fake/")
	if err != nil {
		t.Fatal(err)
	}
	if want := outer.URL + "/fake"; server.New(t).BaseURL != want {
		t.Error(server.URL)
	}
}

func TestWhereThereIsNoServerOneLineSaysWhatToDo(t *testing.T) {
	t.Setenv("FAKE_APIMART_URL", "")
	t.Setenv("FAKE_APIMART_COMMAND", " ")
	t.Setenv("PATH", t.TempDir())
	_, err := fakeapimart.Start(t.Context())
	if err == nil {
		t.Fatal("it was started")
	}
	contains(t, err.Error(), "there is no fake-apimart here: install it (pip install fake-apimart)",
		"FAKE_APIMART_URL", "FAKE_APIMART_COMMAND")
}

// program writes a script of this name into a folder that is the whole PATH.
func program(t *testing.T, folder, name, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a POSIX shell")
	}
	t.Setenv("FAKE_APIMART_URL", "")
	t.Setenv("PATH", folder)
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestCommandThatFailsIsToldWithItsLog(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "with space")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	program(t, folder, "failing", "echo preparing; echo 'out of paint' >&2; exit 3")
	for command, want := range map[string]string{
		"'" + folder + "/failing'":          "the server did not start: out of paint",
		"'" + folder + "/failing' 2>/dev/x": "out of paint",
		"/nowhere/fake-apimart":             "the server did not start: /nowhere/fake-apimart: ",
		"'" + folder:                        "FAKE_APIMART_COMMAND='" + folder + ": a quote has no end",
	} {
		t.Setenv("FAKE_APIMART_COMMAND", command)
		if _, err := fakeapimart.Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestCommandThatSaysNothingIsGivenUp(t *testing.T) {
	folder := t.TempDir()
	program(t, folder, "silent", "/bin/sleep 600 & wait")
	t.Setenv("FAKE_APIMART_COMMAND", folder+"/silent")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := fakeapimart.Start(ctx)
	if err == nil || err.Error() != "the server did not start: context deadline exceeded" {
		t.Error(err)
	}
}

func TestProgramsOnThePathAreFoundInTheirOrder(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("FAKE_APIMART_COMMAND", "")
	program(t, folder, "uvx", `echo "uvx $1" >&2`)
	if _, err := fakeapimart.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "uvx fake-apimart") {
		t.Error(err)
	}
	program(t, folder, "fake-apimart", `echo "itself $1" >&2`)
	if _, err := fakeapimart.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "itself serve") {
		t.Error(err)
	}
}

func TestServerThatHasEndedIsToldWithItsLog(t *testing.T) {
	folder := t.TempDir()
	var asked atomic.Int32
	old := oldServer(t, "7.0.0", &asked)
	program(t, folder, "fake-apimart", fmt.Sprintf(
		"echo 'INFO listening on %s (storage: memory://)'; read line; echo 'no paint left' >&2; exit 4", old.URL))
	t.Setenv("FAKE_APIMART_COMMAND", "/bin/sh -c '"+folder+"/fake-apimart </dev/null' --")
	server, err := fakeapimart.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old.Close()
	_, err = server.World(t.Context(), "late")
	want := "the server has ended by itself, with exit status 4: no paint left"
	if err == nil || err.Error() != want {
		t.Error(err)
	}
	if log := server.Stop(); log != "no paint left" {
		t.Error(log)
	}
}

func TestWorldNeedsNoLabel(t *testing.T) {
	t.Parallel()
	server, err := fakeapimart.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	world, err := server.World(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := world.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCallsGoPastWhatTestsReplace(t *testing.T) {
	real := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = real })
	http.DefaultTransport = http.NewFileTransport(http.Dir(t.TempDir()))
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9")
	fakeapimart.New(t).Balance(1)
}

// No test that looks for forgotten goroutines may find ours.
func TestNothingRunsBetweenCalls(t *testing.T) {
	t.Setenv("FAKE_APIMART_URL", "")
	server, err := fakeapimart.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	world, err := server.World(t.Context(), "quiet")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := world.Uploads(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	stacks := runningStacks()
	for time.Now().Before(deadline) && strings.Contains(stacks, "persistConn") {
		time.Sleep(time.Millisecond)
		stacks = runningStacks()
	}
	for _, of := range []string{"persistConn", "os/exec", "created by github.com/fake-apimart/fake-apimart/clients/go."} {
		if strings.Contains(stacks, of) {
			t.Errorf("%s runs:\n%s", of, stacks)
		}
	}
}

// runningStacks returns those of all goroutines but this one.
func runningStacks() string {
	all := make([]byte, 1<<20)
	_, others, _ := strings.Cut(string(all[:runtime.Stack(all, true)]), "\n\n")
	return others
}

// What stands in the server's OpenAPI document stands in the records too.
func TestRecordsHaveTheFieldsOfTheDocument(t *testing.T) {
	t.Parallel()
	answer, err := client.Get(os.Getenv("FAKE_APIMART_URL") + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var document struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]json.RawMessage }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	for schema, record := range map[string]any{
		"UploadAnswer":  fakeapimart.UploadRecord{},
		"TaskAnswer":    fakeapimart.TaskRecord{},
		"RequestAnswer": fakeapimart.Request{},
		"GivenAnswer":   fakeapimart.Answer{},
	} {
		var there []string
		for name := range document.Components.Schemas[schema].Properties {
			there = append(there, name)
		}
		slices.Sort(there)
		if ours := fieldsOf(record); !slices.Equal(ours, there) {
			t.Errorf("%s has %q, the record %q", schema, there, ours)
		}
	}
	there := document.Components.Schemas["RuleBody"].Properties["where"]
	var where struct{ Properties map[string]any }
	if err := json.Unmarshal(there, &where); err != nil {
		t.Fatal(err)
	}
	if ours := fieldsOf(fakeapimart.Where{}); len(ours) != len(where.Properties) {
		t.Errorf("conditions are on %v, ours on %v", where.Properties, ours)
	}
}

// fieldsOf returns the names that the fields of a struct have in JSON, sorted.
func fieldsOf(record any) []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(record)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
