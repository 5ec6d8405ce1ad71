package fakeapimart_test

import (
	"math"
	"strings"
	"testing"
	"time"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

// failing runs a test to its end, and returns its errors and its logs.
func failing(t *testing.T, test func(tb testing.TB, apimart *fakeapimart.APIMart)) (string, string) {
	t.Helper()
	tb := newRecorder(t)
	tb.run(func() { test(tb, fakeapimart.New(tb)) })
	tb.finish()
	return tb.takeErrors(), strings.Join(tb.logs, "\n")
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

func TestRuleThatNobodyMetFailsTheTest(t *testing.T) {
	t.Parallel()
	said, journal := failing(t, func(tb testing.TB, apimart *fakeapimart.APIMart) {
		apimart.Fail("uploads.create", fakeapimart.Rule{
			Error: "rate_limited",
			Times: fakeapimart.Always,
			Where: fakeapimart.Where{Filename: fakeapimart.Glob("*.heic")},
		})
		mustSend(tb)(upload(apimart, "photo.png", png))
	})
	contains(t, said,
		`never met: uploads.create error="rate_limited" where={"filename":{"glob":"*.heic"}} times=null.`,
		"Nearest were:\n  uploads.create: POST /v1/uploads/images -> 200")
	contains(t, journal, "fake-apimart requests:", "never met: uploads.create")
}

func TestRuleOfAnotherWorldHasToBeMetToo(t *testing.T) {
	t.Parallel()
	said, _ := failing(t, func(_ testing.TB, apimart *fakeapimart.APIMart) {
		apimart.Another().Fail("tasks.get", fakeapimart.Rule{Socket: fakeapimart.SocketCutInBody})
	})
	contains(t, said, `never met: tasks.get socket="cut_in_body". Nothing was sent with this key.`)
}

func TestRuleNeedNotBeMet(t *testing.T) {
	t.Parallel()
	rule := fakeapimart.Rule{Error: "rate_limited"}
	optional := fakeapimart.Rule{Error: "rate_limited", Optional: true}
	for name, test := range map[string]func(testing.TB, *fakeapimart.APIMart){
		"that is optional": func(_ testing.TB, apimart *fakeapimart.APIMart) {
			apimart.Fail("uploads.create", optional)
		},
		"that was removed": func(_ testing.TB, apimart *fakeapimart.APIMart) {
			apimart.Fail("uploads.create", rule).Remove()
		},
		"that a reset removed": func(_ testing.TB, apimart *fakeapimart.APIMart) {
			apimart.Fail("uploads.create", rule)
			apimart.Reset()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if said, journal := failing(t, test); said+journal != "" {
				t.Error(said, journal)
			}
		})
	}
}

func TestRuleThatWasRemovedKnowsHowOftenItWasMet(t *testing.T) {
	t.Parallel()
	apimart := fakeapimart.New(t)
	rule := apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited", Times: 5})
	mustSend(t)(upload(apimart, "photo.png", png))
	rule.Remove()
	if used := rule.Used(); used != 1 {
		t.Error(used)
	}
}

func TestJournalOfATestThatFailedIsLogged(t *testing.T) {
	t.Parallel()
	said, journal := failing(t, func(tb testing.TB, apimart *fakeapimart.APIMart) {
		apimart.Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited"})
		apimart.Fail("tasks.get", fakeapimart.Rule{Error: "bad_gateway"})
		mustSend(tb)(upload(apimart, "photo.png", png))
		mustSend(tb)(upload(apimart, "photo\u202e.png", png))
		mustSend(tb)(generate(apimart, map[string]any{"model": "gpt-image-2", "surprise": 1}))
		apimart.Another()
		tb.Errorf("this is wrong")
	})
	if said != "this is wrong" {
		t.Errorf("it says more than the test: %s", said)
	}
	contains(t, journal,
		`"TestJournalOfATestThatFailedIsLogged": 3 requests`,
		" UTC, by the clock of the world",
		"uploads.create: POST /v1/uploads/images -> 429 ", "(rule: rate_limited)",
		"\n!   ",
		`file "photo`,
		"generations.create: POST /v1/images/generations -> 400",
		`json {"model":`,
		`never met: tasks.get error="bad_gateway"`,
		`"TestJournalOfATestThatFailedIsLogged (2)": 0 requests`)
	if strings.Contains(journal, "\u202e") {
		t.Error("a character that does not print was shown")
	}
}

func TestWhatCannotBeIsRefusedByName(t *testing.T) {
	t.Parallel()
	rules := func(rule fakeapimart.Rule) func(*fakeapimart.APIMart) {
		return func(apimart *fakeapimart.APIMart) { apimart.Fail("uploads.create", rule) }
	}
	for named, do := range map[string]func(*fakeapimart.APIMart){
		"Rule.Times must be a number of requests or Always, not -2": rules(
			fakeapimart.Rule{Error: "rate_limited", Times: -2}),
		"Rule.Body is no text in UTF-8": rules(fakeapimart.Rule{Status: 200, Body: "\xff"}),
		"Rule.Body must be a string, a []byte or JSON": rules(
			fakeapimart.Rule{Status: 200, Body: math.NaN()}),
		"Rule.Where is no JSON": rules(
			fakeapimart.Rule{Error: "rate_limited", Where: fakeapimart.Where{Size: make(chan int)}}),
		"after":   rules(fakeapimart.Rule{Error: "rate_limited", After: -1}),
		"every":   rules(fakeapimart.Rule{Error: "rate_limited", Every: -1}),
		"delay":   rules(fakeapimart.Rule{Delay: -time.Second}),
		"dribble": rules(fakeapimart.Rule{Socket: "dribble", Dribble: fakeapimart.Dribble{Bytes: -1}}),
		"seconds": func(apimart *fakeapimart.APIMart) { apimart.Pace(-time.Second) },
		"polls":   func(apimart *fakeapimart.APIMart) { apimart.PacePolls(-1) },
		"message": func(apimart *fakeapimart.APIMart) { apimart.TasksFail("") },
		"balance": func(apimart *fakeapimart.APIMart) { apimart.Balance(-1) },
		"lifetime must be whole seconds, not 1.5s": func(apimart *fakeapimart.APIMart) {
			apimart.URLLifetime(1500 * time.Millisecond)
		},
		"unsupported value": func(apimart *fakeapimart.APIMart) { apimart.Balance(math.Inf(1)) },
		"filename":          func(apimart *fakeapimart.APIMart) { apimart.AddUpload(png, "") },
		"unsupported image type": func(apimart *fakeapimart.APIMart) {
			apimart.AddUpload([]byte("text"), "a.png")
		},
		"advance": func(apimart *fakeapimart.APIMart) { apimart.Clock().Advance(-time.Hour) },
		"dialect": func(apimart *fakeapimart.APIMart) { apimart.Dialect("klingon") },
		"operation": func(apimart *fakeapimart.APIMart) {
			apimart.RequestsTo("uploads.destroy")
		},
	} {
		t.Run(named, func(t *testing.T) {
			t.Parallel()
			said, _ := failing(t, func(tb testing.TB, apimart *fakeapimart.APIMart) {
				do(apimart)
				tb.Errorf("it went on")
			})
			contains(t, said, named)
			if strings.Contains(said, "it went on") {
				t.Error("the test was not ended")
			}
		})
	}
}

func TestWaitingEndsWithWhatCameInstead(t *testing.T) {
	t.Parallel()
	said, _ := failing(t, func(tb testing.TB, apimart *fakeapimart.APIMart) {
		mustSend(tb)(upload(apimart, "photo.png", png))
		match := fakeapimart.Match{Operation: "uploads.create", Status: 429}
		apimart.WaitForRequests(match, 2, 100*time.Millisecond)
	})
	contains(t, said,
		"waited 100ms for 2 request(s) uploads.create answered 429, 0 came. Nearest were:\n  uploads.create")
}

func TestSkippedTestIsNoFailure(t *testing.T) {
	t.Run("skipped", func(t *testing.T) {
		fakeapimart.New(t).Fail("uploads.create", fakeapimart.Rule{Error: "rate_limited"})
		t.Skip("on purpose")
	})
}
