// Package fakeapimart gives each test a fake APIMart of its own: a world on one server, with its own
// files, tasks, faults, clock, rate limit, balance and journal.
//
//	func TestRetry(t *testing.T) {
//		apimart := fakeapimart.New(t)
//		rule := apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited", Times: 2})
//		if err := pictures.Upload(apimart.BaseURL, apimart.APIKey, "photo.png"); err != nil {
//			t.Fatal(err)
//		}
//		if used := rule.Used(); used != 2 {
//			t.Errorf("there were %d retries", used)
//		}
//	}
//
// Nothing of the program under test is changed: it gets another base URL and key. What the server
// refuses, and a rule that no request has met, fail the test; one that fails logs what was sent.
//
// # Parallel tests
//
// Worlds see nothing of each other: tests and subtests that call [New] can be parallel. The methods of
// one [APIMart] can be called from several goroutines at once, but fail the test as [testing.T.Fatalf]
// does, which is for the goroutine of the test.
//
// # The server
//
// The first of these that is there counts:
//
//   - FAKE_APIMART_URL, the address of a server that runs anyway, such as one in a container
//   - FAKE_APIMART_COMMAND, a command that starts one, such as "uvx fake-apimart"
//   - fake-apimart on the PATH
//   - uvx on the PATH, which fetches fake-apimart
//
// All tests of a package share one server. It keeps everything in memory, reads its settings (such as
// FAKE_APIMART_DIALECT) from the environment, and ends with the process of the tests, whatever way that
// ends. The tests of each package are a process of their own, so that "go test ./..." starts one server
// for each of them, unless FAKE_APIMART_URL names one for all.
//
// # Without a test
//
// [Start] and [Server.World] are the same for programs, with errors in place of failures.
package fakeapimart
