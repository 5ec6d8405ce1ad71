package fakeapimart

import (
	"slices"
	"strings"
	"testing"
)

func TestCommandIsSplitAsAShellDoes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"uvx fake-apimart":              {"uvx", "fake-apimart"},
		"  a\t b \n":                    {"a", "b"},
		`'/with space/python' -m "a b"`: {"/with space/python", "-m", "a b"},
		`a'b'"c"d ''`:                   {"abcd", ""},
		`a\ b \\ \'`:                    {"a b", `\`, "'"},
		`"a\"b\\c\d" 'a\b'`:             {`a"b\c\d`, `a\b`},
		"Łódź '猫 犬'":                    {"Łódź", "猫 犬"},
	} {
		if got, err := splitCommand(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %q, %v", line, got, err)
		}
	}
}

func TestCommandThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`a "b`:  "a quote has no end",
		`a 'b\`: "a quote has no end",
		`a \`:   "nothing stands behind the last backslash",
		`''`:    "it names no program",
		"":      "it names no program",
	} {
		if _, err := splitCommand(line); err == nil || err.Error() != want {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestVersionsAreCompared(t *testing.T) {
	t.Parallel()
	for version, isTaken := range map[string]bool{
		"0.10.0": true, "0.10.1": true, "0.11.0rc1": true, "1.0.0": true, "0.10.0.post1": true,
		"0.10.0+local": true, "99999999999999999999.0.0": true, "0.10.0rc1": true, "0.10.0.dev3": true,
		"0.9.9": false, "0.9.9rc1": false, "0.2.0": false,
		"": false, "new": false,
	} {
		err := checkVersion("http://a", version, "0.10.0")
		if (err == nil) != isTaken {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestHostIsAddedToThoseWithoutAProxy(t *testing.T) {
	t.Parallel()
	for hosts, want := range map[string]string{
		"":               "fake",
		"a, b,":          "a,b,fake",
		"fake,a":         "fake,a",
		"*":              "*",
		"a,*":            "*",
		" \t , , a ":     "a,fake",
		"fake.example.c": "fake.example.c,fake",
	} {
		if got := withHost(hosts, "http://fake:8080/path"); got != want {
			t.Errorf("%q is %q", hosts, got)
		}
	}
}

func TestLongLabelLosesItsMiddle(t *testing.T) {
	t.Parallel()
	name := "Test" + strings.Repeat("a", 100) + "\t" + strings.Repeat("é", 150) + "end"
	label := []rune(labelOf(name, maxLabel))
	if len(label) != maxLabel || string(label[labelHead]) != cutMark {
		t.Error(string(label))
	}
	if !strings.HasSuffix(string(label), "éend") {
		t.Error(string(label))
	}
	if got := labelOf("a\tb\u202e", maxLabel); got != "a?b?" {
		t.Error(got)
	}
	if got := []rune(numbered(name, 12)); len(got) != maxLabel || !strings.HasSuffix(string(got), "end (12)") {
		t.Error(string(got))
	}
}

func TestChildGetsTheSettingsThatConcernItsAnswers(t *testing.T) {
	t.Parallel()
	given := []string{
		"PATH=/bin", "FAKE_APIMART_DIALECT=live", "FAKE_APIMART_PORT=1", "FAKE_APIMART_URL=x",
		"FAKE_APIMART_COMMAND=x", "FAKE_APIMART_STORAGE=dir:x", "FAKE_APIMARTS=1",
	}
	want := []string{"PATH=/bin", "FAKE_APIMART_DIALECT=live", "FAKE_APIMARTS=1"}
	if got := childEnvironment(given); !slices.Equal(got, want) {
		t.Error(got)
	}
}

func TestLineIsOneLineOfLimitedLength(t *testing.T) {
	t.Parallel()
	if got := line("a\nb\u202e'猫"); got != `a\nb\u202e'猫` {
		t.Error(got)
	}
	if got := []rune(line(strings.Repeat("猫", 500))); len(got) != maxLine+1 {
		t.Error(len(got))
	}
}
