package fakeapimart_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

func TestSetenvLetsAProgramFindTheWorld(t *testing.T) {
	t.Setenv("no_proxy", "example.com")
	apimart := fakeapimart.New(t)
	apimart.Setenv(t)
	want := []string{apimart.BaseURL, apimart.APIKey, "example.com,127.0.0.1", "example.com,127.0.0.1"}
	var got []string
	for _, name := range []string{"APIMART_BASE_URL", "APIMART_API_KEY", "NO_PROXY", "no_proxy"} {
		got = append(got, os.Getenv(name))
	}
	if !slices.Equal(got, want) {
		t.Error(got)
	}
}

func TestEnvironIsForOtherPrograms(t *testing.T) {
	t.Parallel()
	printenv, err := exec.LookPath("printenv")
	if err != nil {
		t.Skip(err)
	}
	apimart := fakeapimart.New(t)
	program := exec.Command(printenv, "APIMART_API_KEY")
	program.Env = append(os.Environ(), apimart.Environ()...)
	printed, err := program.Output()
	if err != nil || strings.TrimSpace(string(printed)) != apimart.APIKey {
		t.Error(string(printed), err)
	}
}

func TestSubtestsHaveWorldsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two", "three"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apimart := fakeapimart.New(t)
			if want := "TestSubtestsHaveWorldsOfTheirOwn/" + name; apimart.Label != want {
				t.Error(apimart.Label)
			}
			mustSend(t)(upload(apimart, name+".png", png))
			if found := apimart.Uploads(); len(found) != 1 || found[0].Filename != name+".png" {
				t.Error(found)
			}
		})
	}
}

func TestOneWorldServesManyGoroutines(t *testing.T) {
	t.Parallel()
	apimart := fakeapimart.New(t)
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			rule := apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited"})
			if _, err := upload(apimart, "photo.png", png); err != nil {
				t.Error(err)
			}
			_ = rule.Used()
			apimart.Another().Balance(1)
		}()
	}
	group.Wait()
	if refused := apimart.RequestsMatching(fakeapimart.Match{Status: 429}); len(refused) != 8 {
		t.Error(refused)
	}
}

func TestClockGoesWhereItIsTold(t *testing.T) {
	t.Parallel()
	clock := fakeapimart.New(t).Clock()
	instant := time.Date(2030, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	clock.Freeze()
	if got := clock.At(instant); !got.Equal(instant) {
		t.Error(got)
	}
	if got := clock.Advance(90 * time.Minute); !got.Equal(instant.Add(90 * time.Minute)) {
		t.Error(got)
	}
	if got := clock.Advance(0); !got.Equal(instant.Add(90 * time.Minute)) {
		t.Error(got)
	}
	if clock.Resume(); !clock.Now().After(instant.Add(90 * time.Minute)) {
		t.Error("it does not run")
	}
	if got := clock.Reset(); time.Since(got).Abs() > time.Minute {
		t.Error(got)
	}
}

func TestBodyOfAnAnswerIsAsItIsWritten(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct {
		body any
		want string
		kind string
	}{
		"text":  {"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>", ""},
		"empty": {"", "", ""},
		"bytes": {[]byte{0xff, 0}, "\xff\x00", ""},
		"none":  {[]byte(nil), "", ""},
		"JSON":  {map[string]any{"a": []int{1}}, `{"a":[1]}`, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apimart := fakeapimart.New(t)
			rule := fakeapimart.Rule{Status: 502, Body: each.body}
			rule.Headers = map[string]string{"X-Proxy": "down"}
			apimart.Fail("models.list", rule)
			got := answered(t, apimart, "/v1/models")
			if got.content != each.want || got.proxy != "down" {
				t.Errorf("%+v", got)
			}
			if each.kind != "" && got.kind != each.kind {
				t.Error(got.kind)
			}
		})
	}
}

type plainAnswer struct {
	content, proxy, kind string
}

func answered(t *testing.T, apimart *fakeapimart.APIMart, path string) plainAnswer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, apimart.BaseURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+apimart.APIKey)
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return plainAnswer{string(content), answer.Header.Get("X-Proxy"), answer.Header.Get("Content-Type")}
}

func TestDribbleComesAtItsPace(t *testing.T) {
	t.Parallel()
	apimart := fakeapimart.New(t)
	pace := fakeapimart.Dribble{Bytes: 1000, Pause: time.Millisecond}
	rule := apimart.Fail("balance.get", fakeapimart.Rule{Socket: "dribble", Dribble: pace})
	mustSend(t)(get(apimart, apimart.BaseURL+"/v1/balance"))
	if rule.Used() != 1 {
		t.Error(rule)
	}
}

func TestRequestIsKnownWithItsAnswer(t *testing.T) {
	t.Parallel()
	apimart := fakeapimart.New(t)
	fields := map[string]any{"model": "gpt-image-2", "prompt": "a cat", "image_urls": []string{}}
	created := mustSend(t)(generate(apimart, fields))
	sent := apimart.RequestsTo(fakeapimart.GenerationsCreate)[0]
	for path, want := range map[string]any{"prompt": "a cat", "image_urls.0": nil, "prompt.of": nil} {
		if got := sent.Field(path); got != want {
			t.Errorf("%s is %v", path, got)
		}
	}
	if want := created.field("data.0.task_id"); sent.Answer.Field("data.0.task_id") != want {
		t.Error(sent.Answer.Field("data.0.task_id"), want)
	}
	if since := time.Since(sent.At()); since.Abs() > time.Minute {
		t.Error(since)
	}
}

func BenchmarkWorld(b *testing.B) {
	for b.Loop() {
		apimart := fakeapimart.New(b)
		apimart.Balance(1)
	}
}

func FuzzFilename(f *testing.F) {
	f.Add("photo.png")
	f.Add(" 猫%/.png")
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			t.Skip()
		}
		apimart := fakeapimart.New(t)
		if added := apimart.AddUpload(png, name); !bytes.Equal(added.Read(), png) {
			t.Error(added)
		}
	})
}
