package fakeapimart

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTimeout is how long the server of New may take to start; uvx fetches it the first time.
const startTimeout = 2 * time.Minute

// Server is a fake APIMart for any number of worlds. It is safe for concurrent use.
type Server struct {
	// URL is what clients use instead of https://api.apimart.ai.
	URL string

	child *child
}

// Start returns the server at FAKE_APIMART_URL, or else starts one: by the command of
// FAKE_APIMART_COMMAND, by fake-apimart on the PATH, or by "uvx fake-apimart". ctx is for the start
// alone. A server that was started keeps everything in memory, and ends with this process, whatever
// way that ends, or by Stop.
func Start(ctx context.Context) (*Server, error) {
	if named := os.Getenv(urlVariable); named != "" {
		return Connect(ctx, named)
	}
	command, err := foundCommand()
	if err != nil {
		return nil, err
	}
	started, url, err := startChild(ctx, command)
	if err != nil {
		return nil, err
	}
	server := &Server{URL: url, child: started}
	if err := server.check(ctx); err != nil {
		server.Stop()
		return nil, err
	}
	return server, nil
}

// Connect returns the server that runs at a URL. It fails where there is none, or one that is too
// old for this module.
func Connect(ctx context.Context, serverURL string) (*Server, error) {
	server := &Server{URL: strings.TrimRight(serverURL, "/")}
	parsed, err := url.Parse(serverURL)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return nil, fmt.Errorf("%q is no URL of a server, such as http://127.0.0.1:8080",
			server.shownURL())
	}
	if err := server.check(ctx); err != nil {
		return nil, err
	}
	return server, nil
}

// Stop stops the server, if it was started here, and returns its log.
func (s *Server) Stop() string {
	if s.child == nil {
		return ""
	}
	return s.child.stop()
}

// World returns a new world on this server, called label in the server's log. Whoever has it ends it
// by Close.
func (s *Server) World(ctx context.Context, label string) (*World, error) {
	world := newWorld(s, label)
	if err := world.open(ctx); err != nil {
		return nil, err
	}
	return world, nil
}

// New is the function New, with a world on this server.
func (s *Server) New(tb testing.TB) *APIMart {
	tb.Helper()
	return newAPIMart(tb, s)
}

// check returns an error unless the server answers, and is new enough.
func (s *Server) check(ctx context.Context) error {
	var health struct{ Version string }
	if err := (control{server: s}).call(ctx, http.MethodGet, "health", nil, &health); err != nil {
		return err
	}
	return checkVersion(s.shownURL(), health.Version, OldestServer)
}

// shownURL is the URL without a password.
func (s *Server) shownURL() string {
	parsed, err := url.Parse(s.URL)
	if err != nil || parsed.User == nil {
		return s.URL
	}
	return parsed.Redacted()
}

func (s *Server) endedByItself() string {
	if s.child == nil {
		return ""
	}
	return s.child.endedByItself()
}

// sharedServer starts the one server of this process for the first that asks. A failure stands for
// all of them.
var sharedServer = sync.OnceValues(func() (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return Start(ctx)
})
