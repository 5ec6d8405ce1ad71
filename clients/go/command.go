package fakeapimart

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const (
	urlVariable     = "FAKE_APIMART_URL"
	commandVariable = "FAKE_APIMART_COMMAND"
	programName     = "fake-apimart"
)

// foundCommand returns the command that starts a server, without its arguments: what
// FAKE_APIMART_COMMAND names, fake-apimart on the PATH, or uvx, which fetches it.
func foundCommand() ([]string, error) {
	named := strings.TrimSpace(os.Getenv(commandVariable))
	if named != "" {
		words, err := splitCommand(named)
		if err != nil {
			return nil, fmt.Errorf("%s=%s: %w", commandVariable, named, err)
		}
		return words, nil
	}
	if path, err := exec.LookPath(programName); err == nil {
		return []string{path}, nil
	}
	if path, err := exec.LookPath("uvx"); err == nil {
		return []string{path, programName}, nil
	}
	return nil, fmt.Errorf("there is no fake-apimart here: install it (pip install fake-apimart), "+
		"set %s to the address of one that runs, or %s to a command such as 'uvx fake-apimart'",
		urlVariable, commandVariable)
}

// splitCommand splits a line into words as a shell does: at white space outside of quotes. Between
// single quotes all is as it stands; a backslash takes the meaning of the next character, between
// double quotes that of a quote and of a backslash alone.
func splitCommand(line string) ([]string, error) {
	var splitter wordSplitter
	for _, each := range line {
		splitter.take(each)
	}
	return splitter.finish()
}

type wordSplitter struct {
	words     []string
	word      strings.Builder
	isInWord  bool
	quote     rune
	isEscaped bool
}

func (s *wordSplitter) take(char rune) {
	switch {
	case s.isEscaped:
		if s.quote == '"' && char != '"' && char != '\\' {
			s.word.WriteRune('\\')
		}
		s.word.WriteRune(char)
		s.isEscaped = false
	case isEscape(char) && s.quote != '\'':
		s.isEscaped, s.isInWord = true, true
	case char == s.quote:
		s.quote = 0
	case s.quote == 0 && (char == '"' || char == '\''):
		s.quote, s.isInWord = char, true
	case s.quote == 0 && strings.ContainsRune(" \t\r\n", char):
		s.endWord()
	default:
		s.word.WriteRune(char)
		s.isInWord = true
	}
}

func (s *wordSplitter) endWord() {
	if s.isInWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.isInWord = false
}

func (s *wordSplitter) finish() ([]string, error) {
	if s.quote != 0 {
		return nil, errors.New("a quote has no end")
	}
	if s.isEscaped {
		return nil, errors.New("nothing stands behind the last backslash")
	}
	s.endWord()
	if len(s.words) == 0 || s.words[0] == "" {
		return nil, errors.New("it names no program")
	}
	return s.words, nil
}

// isEscape tells a backslash that escapes; on Windows it separates the names in a path.
func isEscape(char rune) bool {
	return char == '\\' && os.PathSeparator != '\\'
}
