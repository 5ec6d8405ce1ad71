package fakeapimart

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// stopTimeout is how long a child may take to stop before it is killed.
	stopTimeout = 10 * time.Second
	// noticeTimeout is how long we wait to learn whether a child that does not answer has ended.
	noticeTimeout = time.Second
	listening     = "listening on "
)

var (
	childFlags = []string{
		"serve", "--host", "127.0.0.1", "--port", "0", "--storage", "memory://",
		"--state", "memory://", "--workers", "1",
		"--control", "--no-access-log", "--until-stdin-ends",
	}
	// notForChildren are those variables that the flags set, or that say something to this module.
	notForChildren = []string{
		"HOST", "PORT", "STORAGE", "PUBLIC_URL", "CONTROL", "ACCESS_LOG", "DELIVERY", "PUBLIC_HOSTS",
		"TRUSTED_PROXIES", "STATE", "WORKERS", "URL", "COMMAND",
	}
)

// child is a server of our own, which ends once its standard input does: we hold the other end, and
// the system closes that whatever way this process ends.
type child struct {
	process *exec.Cmd
	stdin   io.Closer
	stdout  io.ReadCloser
	// log is a file, and no pipe: that would need a goroutine which reads it all the time.
	log  *os.File
	wait func() error
}

// startChild starts a server by a command, and returns it with its URL once it listens.
func startChild(ctx context.Context, command []string) (*child, string, error) {
	started, err := runChild(command)
	if err != nil {
		return nil, "", fmt.Errorf("the server did not start: %s: %w", strings.Join(command, " "), err)
	}
	// Ends the reading below, which ends with the process.
	stopWatching := context.AfterFunc(ctx, started.kill)
	defer stopWatching()
	url, found := started.readURL()
	if found {
		return started, url, nil
	}
	said := started.stop()
	if ctx.Err() != nil {
		said = strings.TrimSpace(ctx.Err().Error() + " " + said)
	}
	if said == "" {
		said = strings.Join(command, " ") + " serve said nothing"
	}
	return nil, "", fmt.Errorf("the server did not start: %s", said)
}

func runChild(command []string) (*child, error) {
	log, err := os.CreateTemp("", "fake-apimart-*.log")
	if err != nil {
		return nil, err
	}
	// Gone with its last user, where the system allows it.
	_ = os.Remove(log.Name())
	process := exec.Command(command[0], slices.Concat(command[1:], childFlags)...)
	process.Env = childEnvironment(os.Environ())
	process.Stderr = log
	// Ctrl+C must not reach it: it outlives the end of the tests.
	process.SysProcAttr = ownGroup()
	run := &child{process: process, log: log}
	if run.stdin, err = process.StdinPipe(); err == nil {
		if run.stdout, err = process.StdoutPipe(); err == nil {
			err = process.Start()
		}
	}
	if err != nil {
		run.removeLog()
		return nil, err
	}
	run.wait = sync.OnceValue(process.Wait)
	return run, nil
}

// readURL reads what the process prints, where a command of somebody's own may print lines before.
func (c *child) readURL() (string, bool) {
	lines := bufio.NewReader(c.stdout)
	for {
		line, err := lines.ReadString('\n')
		if _, after, found := strings.Cut(line, listening); found {
			if words := strings.Fields(after); len(words) > 0 {
				return words[0], true
			}
		}
		if err != nil {
			return "", false
		}
	}
}

// endedByItself returns how the process ended, with its log, or nothing if it runs.
func (c *child) endedByItself() string {
	if !c.endsWithin(noticeTimeout) {
		return ""
	}
	log := c.readLog()
	if log == "" {
		log = "no log"
	}
	return fmt.Sprintf("the server has ended by itself, with %s: %s", c.process.ProcessState, log)
}

func (c *child) endsWithin(limit time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		_ = c.wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// stop stops the process, and returns its log.
func (c *child) stop() string {
	_ = c.stdin.Close()
	_ = c.stdout.Close()
	if !c.endsWithin(stopTimeout) {
		c.kill()
		_ = c.wait()
	}
	log := c.readLog()
	c.removeLog()
	return log
}

func (c *child) kill() {
	killGroup(c.process.Process)
}

func (c *child) readLog() string {
	// Not by Read, which would move the place where the child writes.
	content, err := io.ReadAll(io.NewSectionReader(c.log, 0, 1<<20))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(content), "\uFFFD"))
}

func (c *child) removeLog() {
	_ = c.log.Close()
	_ = os.Remove(c.log.Name())
}

// childEnvironment returns an environment without the variables that are not for a child.
func childEnvironment(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(each string) bool {
		name, _, _ := strings.Cut(each, "=")
		setting, isOurs := strings.CutPrefix(name, "FAKE_APIMART_")
		return isOurs && slices.Contains(notForChildren, setting)
	})
}
