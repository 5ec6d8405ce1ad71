package fakeapimart_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

// png is a picture of one pixel.
var png = mustDecode(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")

func mustDecode(text string) []byte {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return decoded
}

// client is one of a customer, on a connection of its own for each request: on a used one, Go's would
// send some requests again.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// sent is what a client has got: the status, and the JSON of an answer that is JSON.
type sent struct {
	Status int
	JSON   any
}

// field returns the value at a path in the JSON.
func (s sent) field(path string) any {
	encoded, err := json.Marshal(s.JSON)
	if err != nil {
		panic(err)
	}
	return fakeapimart.Answer{JSON: encoded}.Field(path)
}

func upload(world *fakeapimart.APIMart, filename string, content []byte) (sent, error) {
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("file", filename)
	if err != nil {
		return sent{}, err
	}
	if _, err := part.Write(content); err != nil {
		return sent{}, err
	}
	if err := writer.Close(); err != nil {
		return sent{}, err
	}
	return send(world, http.MethodPost, world.BaseURL+"/v1/uploads/images",
		writer.FormDataContentType(), &form)
}

func generate(world *fakeapimart.APIMart, fields any) (sent, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return sent{}, err
	}
	return send(world, http.MethodPost, world.BaseURL+"/v1/images/generations",
		"application/json", bytes.NewReader(body))
}

func get(world *fakeapimart.APIMart, url string) (sent, error) {
	return send(world, http.MethodGet, url, "", nil)
}

func send(
	world *fakeapimart.APIMart, method, url, contentType string, body io.Reader,
) (sent, error) {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return sent{}, err
	}
	request.Header.Set("Authorization", "Bearer "+world.APIKey)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	answer, err := client.Do(request)
	if err != nil {
		return sent{}, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return sent{}, err
	}
	got := sent{Status: answer.StatusCode}
	if strings.Contains(answer.Header.Get("Content-Type"), "json") {
		err = json.Unmarshal(content, &got.JSON)
	}
	return got, err
}

// mustSend fails a test whose client got no answer.
func mustSend(tb testing.TB) func(sent, error) sent {
	return func(got sent, err error) sent {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return got
	}
}
