package pictures

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

// A PNG of one pixel.
var photo, _ = base64.StdEncoding.DecodeString(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")

// start returns a world for a test, and a client of it: no test can reach the real service.
func start(t *testing.T) (*fakeapimart.APIMart, Client) {
	t.Helper()
	t.Parallel()
	apimart := fakeapimart.New(t)
	apimart.Pace(0)
	return apimart, clientOf(apimart)
}

func clientOf(apimart *fakeapimart.APIMart) Client {
	return Client{BaseURL: apimart.BaseURL, APIKey: apimart.APIKey}
}

func upload(t *testing.T, client Client) string {
	t.Helper()
	url, err := client.Upload(photo, "photo.png")
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func wantError(t *testing.T, err error, message string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), message) {
		t.Errorf("the error is %v, not %q", err, message)
	}
}

func TestPhotoIsUploadedAsItIs(t *testing.T) {
	apimart, client := start(t)
	url := upload(t, client)
	uploaded := apimart.Uploads()[0]
	if uploaded.URL != url || uploaded.ContentType != "image/png" || !bytes.Equal(uploaded.Read(), photo) {
		t.Error(uploaded)
	}
}

func TestUploadIsTriedAgain(t *testing.T) {
	apimart, client := start(t)
	rule := apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited", Times: 2})
	upload(t, client)
	if used := rule.Used(); used != 2 {
		t.Error(used)
	}
}

func TestURLIsDeadAfter72Hours(t *testing.T) {
	apimart, client := start(t)
	url := upload(t, client)
	for _, each := range []struct {
		later time.Duration
		want  int
	}{{71 * time.Hour, http.StatusOK}, {time.Hour, http.StatusForbidden}} {
		apimart.Clock().Advance(each.later)
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != each.want {
			t.Error(answer.Status)
		}
	}
}

func TestFailedTaskIsAnError(t *testing.T) {
	apimart, client := start(t)
	apimart.TasksFail("no cats today")
	_, err := client.Redraw(upload(t, client), "a cat")
	wantError(t, err, "no cats today")
}

func TestConnectionThatIsCutIsTriedAgain(t *testing.T) {
	apimart, client := start(t)
	apimart.Fail("uploads.create", fakeapimart.Rule{Socket: fakeapimart.SocketCutInBody})
	upload(t, client)
	if sent := apimart.RequestsTo("uploads.create"); len(sent) != 2 {
		t.Error(sent)
	}
}

func TestCustomersSeeNothingOfEachOther(t *testing.T) {
	apimart, client := start(t)
	other := apimart.Another()
	upload(t, clientOf(other))
	other.Fail("uploads.create", fakeapimart.Rule{Error: "invalid_key"})
	_, err := clientOf(other).Upload(photo, "photo.png")
	wantError(t, err, "401")
	upload(t, client)
	if mine, theirs := len(apimart.Uploads()), len(other.Uploads()); mine != 1 || theirs != 1 {
		t.Error(mine, theirs)
	}
}

func TestNothingIsLeftToPayWith(t *testing.T) {
	apimart, client := start(t)
	url := upload(t, client)
	apimart.Balance(0)
	_, err := client.Redraw(url, "a cat")
	wantError(t, err, "402")
}

func TestTaskIsPolledUntilItEnds(t *testing.T) {
	apimart, client := start(t)
	apimart.PacePolls(3)
	if _, err := client.Redraw(upload(t, client), "a cat"); err != nil {
		t.Fatal(err)
	}
	if polls := apimart.RequestsTo("tasks.get"); len(polls) != 4 {
		t.Error(polls)
	}
}

func TestNothingIsSentThatNobodyReads(t *testing.T) {
	apimart, client := start(t)
	url := upload(t, client)
	if _, err := client.Redraw(url, "as a woodcut"); err != nil {
		t.Fatal(err)
	}
	sent := apimart.RequestsTo("generations.create")[0]
	if sent.Field("prompt") != "as a woodcut" || sent.Field("image_urls.0") != url || len(sent.UnreadFields) > 0 {
		t.Error(sent.JSON, sent.UnreadFields)
	}
}

func TestFilesOfOneKindAreRefused(t *testing.T) {
	apimart, client := start(t)
	apimart.Fail("uploads.create", fakeapimart.Rule{
		Error: "file_too_large",
		Where: fakeapimart.Where{Filename: fakeapimart.Glob("*.heic")},
	})
	upload(t, client)
	_, err := client.Upload(photo, "photo.heic")
	wantError(t, err, "413")
}

func TestPageOfAProxyIsAnError(t *testing.T) {
	apimart, client := start(t)
	apimart.Fail("uploads.create", fakeapimart.Rule{
		Status:  502,
		Headers: map[string]string{"Content-Type": "text/html"},
		Body:    "<h1>Bad gateway</h1>",
		Times:   fakeapimart.Always,
	})
	_, err := client.Upload(photo, "photo.png")
	wantError(t, err, "502: <h1>Bad gateway</h1>")
}
