package fakeapimart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// callTimeout is how long one call of the control API may take.
	callTimeout = 30 * time.Second
	// maxShownBytes is how much of an unexpected answer an error shows.
	maxShownBytes = 200

	typeJSON   = "application/json"
	typeOctets = "application/octet-stream"
)

// control calls the control API of one server, for the world of one key. Without a key its calls
// need none, such as that for the server's health.
type control struct {
	server *Server
	key    string
}

// httpClient is not the default client, which tests replace. It knows no proxy, since the server is
// meant to be reached directly, and keeps no connection, so that no goroutine outlives a call.
var httpClient = &http.Client{
	Transport: &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

// call sends body as JSON, unless it is nil, to a path below /_fake/, and reads the JSON of the
// answer into target, unless that is nil.
func (c control) call(ctx context.Context, method, path string, body, target any) error {
	var content []byte
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = encoded
	}
	answer, err := c.send(ctx, method, path, typeJSON, content)
	if err != nil {
		return err
	}
	return c.parse(answer, target)
}

func (c control) parse(answer []byte, target any) error {
	if target == nil {
		return nil
	}
	if err := json.Unmarshal(answer, target); err != nil {
		return c.unexpected(http.StatusOK, answer)
	}
	return nil
}

// send returns the bytes of an answer that is a 200, and else an error with the server's reason.
func (c control) send(
	ctx context.Context, method, path, contentType string, content []byte,
) ([]byte, error) {
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	asked := c.server.URL + "/_fake/" + path
	request, err := http.NewRequestWithContext(ctx, method, asked, bytes.NewReader(content))
	if err != nil {
		return nil, c.silent(err)
	}
	request.Header.Set("Content-Type", contentType)
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	answer, err := httpClient.Do(request)
	if err != nil {
		return nil, c.silent(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, c.silent(err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, c.refusal(answer.StatusCode, read)
	}
	return read, nil
}

// withDefaultTimeout bounds a call whose caller has set no bound.
func withDefaultTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, isBounded := ctx.Deadline(); isBounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callTimeout)
}

// silent says why there was no answer: the server's end, where it was ours and has ended.
func (c control) silent(err error) error {
	isOfCaller := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !isOfCaller {
		if ended := c.server.endedByItself(); ended != "" {
			return errors.New(ended)
		}
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fmt.Errorf("%s does not answer: %w", c.server.shownURL(), err)
}

// refusal says why the server refused a call.
func (c control) refusal(status int, answer []byte) error {
	var refused struct {
		Error struct{ Message string }
	}
	err := json.Unmarshal(answer, &refused)
	message := refused.Error.Message
	switch {
	case err != nil || message == "":
		return c.unexpected(status, answer)
	case strings.HasPrefix(message, "Invalid URL"):
		return fmt.Errorf("%s has no control API: is it a fake-apimart, with FAKE_APIMART_CONTROL on?",
			c.server.shownURL())
	default:
		return errors.New(message)
	}
}

// unexpected shows an answer on one line: it may be the page of another program.
func (c control) unexpected(status int, answer []byte) error {
	shown := strings.ToValidUTF8(string(answer[:min(len(answer), maxShownBytes)]), "\uFFFD")
	return fmt.Errorf("%s is no fake-apimart: it answered %d %s",
		c.server.shownURL(), status, strings.Join(strings.Fields(shown), " "))
}
