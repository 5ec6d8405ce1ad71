package fakeapimart_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "embed"
)

// innerTests are the tests of another module, some of which fail.
//
//go:embed testdata/inner_test.go
var innerTests string

// innerProgram builds the tests of another module, which uses this one.
func innerProgram(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder, name := t.TempDir(), "github.com/fake-apimart/fake-apimart/clients/go"
	module := fmt.Sprintf("module inner\n\ngo 1.24\n\nrequire %s v0.0.0\n\nreplace %s => %s\n", name, name, here)
	for file, content := range map[string]string{"go.mod": module, "inner_test.go": innerTests} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(folder, "inner.test")
	build := exec.Command("go", "test", "-c", "-o", program)
	build.Dir = folder
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return program
}

// tests returns the command that runs some of the inner tests, with a server of their own.
func tests(program, pattern string) *exec.Cmd {
	command := exec.Command(program, "-test.v", "-test.run="+pattern)
	command.Env = append(os.Environ(), "FAKE_APIMART_URL=")
	return command
}

func TestTestsOfAnotherModule(t *testing.T) {
	t.Parallel()
	program := innerProgram(t)
	t.Run("fail at their own lines", func(t *testing.T) {
		t.Parallel()
		failuresAreToldAtTheirLines(t, program)
	})
	t.Run("have their journal where they panic", func(t *testing.T) {
		t.Parallel()
		panicIsToldWithTheJournal(t, program)
	})
	for _, how := range []string{"killed", "panics", "passes"} {
		t.Run("end their server: "+how, func(t *testing.T) {
			t.Parallel()
			serverEndsWithTheTests(t, program, how)
		})
	}
}

func failuresAreToldAtTheirLines(t *testing.T, program string) {
	t.Helper()
	said, err := tests(program, "^TestFails$").CombinedOutput()
	if err == nil {
		t.Error("it passes")
	}
	for at, line := range strings.Split(innerTests, "\n") {
		if _, want, isMarked := strings.Cut(line, "// says: "); isMarked {
			contains(t, string(said), fmt.Sprintf("inner_test.go:%d: %s", at+1, want))
		}
	}
	contains(t, string(said), "--- PASS: TestFails/that_is_fine", `"TestFails/for_the_journal": 1 request`)
	// The helpers of the fixture name no lines of their own.
	for _, file := range []string{"apimart.go:", "added_rule.go:", "settings.go:", "clock.go:"} {
		if strings.Contains(string(said), file) {
			t.Errorf("%s in:\n%s", file, said)
		}
	}
}

func panicIsToldWithTheJournal(t *testing.T, program string) {
	t.Helper()
	said, _ := tests(program, "^TestPanics$").CombinedOutput()
	contains(t, string(said), "panic: on purpose", "fake-apimart requests:", `"TestPanics": 0 requests`)
	// That a rule was not met is no failure of its own: the test did not come so far.
	if times := strings.Count(string(said), "never met: "); times != 1 {
		t.Errorf("never met, %d times in:\n%s", times, said)
	}
}

func serverEndsWithTheTests(t *testing.T, program, how string) {
	t.Helper()
	run := tests(program, "^TestEnds$/^"+how+"$")
	printed, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	url := urlIn(printed)
	if how == "killed" {
		if answer, err := client.Get(url + "/_fake/health"); err != nil {
			t.Error(err)
		} else {
			answer.Body.Close()
		}
		_ = run.Process.Kill()
	}
	_ = run.Wait()
	if !isGone(url) {
		t.Errorf("%s still answers", url)
	}
}

func urlIn(printed io.Reader) string {
	lines := bufio.NewScanner(printed)
	for lines.Scan() {
		if _, url, found := strings.Cut(lines.Text(), "server at "); found {
			return url
		}
	}
	return "nowhere"
}

func isGone(url string) bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		answer, err := client.Get(url + "/_fake/health")
		if err != nil {
			return true
		}
		answer.Body.Close()
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
