// The reference for the reader of JSON: what Go's own encoding/json says to a text.
//
// Reads texts from standard input until it ends, each behind its length (4 bytes, big-endian), and
// answers each with one line of JSON: the error, or the value, and what a struct is filled with.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
)

// fields has a name for each letter that folds to one outside ASCII.
type fields struct {
	Task   string   `json:"task"`
	Prompt string   `json:"prompt"`
	N      int64    `json:"n"`
	URLs   []string `json:"image_urls"`
}

func answer(text []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var raw json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return map[string]any{"error": err.Error()}
	}
	var value any
	if err := decoder.Decode(&value); err != nil {
		return map[string]any{"error": err.Error()}
	}
	result := map[string]any{"value": value}
	var filled fields
	if err := json.Unmarshal(text, &filled); err == nil {
		result["fields"] = map[string]any{
			"task": filled.Task, "prompt": filled.Prompt, "n": filled.N, "image_urls": filled.URLs,
		}
	}
	return result
}

func main() {
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		var length uint32
		if err := binary.Read(input, binary.BigEndian, &length); err != nil {
			return
		}
		text := make([]byte, length)
		if _, err := io.ReadFull(input, text); err != nil {
			panic(err)
		}
		if err := output.Encode(answer(text)); err != nil {
			panic(err)
		}
	}
}
