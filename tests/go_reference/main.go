// The reference for the form parser: what Go's own net/http says to a form.
//
// Reads cases from standard input until it ends and answers each with one line of JSON. A case is
// four fields, each behind its length (4 bytes, big-endian): the Content-Type, the query string,
// the body, and how the body ends ("EOF", or the error text that the connection gives).
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// body hands out its bytes as net/http does: an announced end comes together with the last bytes,
// any other error by itself.
type body struct {
	rest []byte
	end  error
}

func (b *body) Read(p []byte) (int, error) {
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	if len(b.rest) == 0 && (n == 0 || b.end == io.EOF) {
		return n, b.end
	}
	return n, nil
}

func (b *body) Close() error { return nil }

// Go 1.26 quotes these lines; 1.25, whose texts we speak, prints them as they are.
var quotedSince126 = []string{
	"malformed MIME header line: ",
	"malformed MIME header initial line: ",
}

func text(err error) string {
	if strings.HasPrefix(runtime.Version(), "go1.25") {
		return err.Error()
	}
	for _, prefix := range quotedSince126 {
		if line, found := strings.CutPrefix(err.Error(), prefix); found {
			if raw, err := strconv.Unquote(line); err == nil {
				return prefix + raw
			}
		}
	}
	return err.Error()
}

func answer(contentType, query, data, end string) map[string]any {
	request := &http.Request{
		Method: "POST",
		URL:    &url.URL{Path: "/v1/uploads/images", RawQuery: query},
		Header: http.Header{},
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	endings := map[string]error{"EOF": io.EOF, "unexpected EOF": io.ErrUnexpectedEOF}
	ending, known := endings[end]
	if !known {
		ending = errors.New(end)
	}
	request.Body = &body{[]byte(data), ending}
	file, header, err := request.FormFile("file")
	if err != nil {
		return map[string]any{"error": hex.EncodeToString([]byte(text(err)))}
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		panic(err)
	}
	return map[string]any{
		"filename": hex.EncodeToString([]byte(header.Filename)),
		"content":  hex.EncodeToString(content),
	}
}

func field(input io.Reader) (string, error) {
	var length uint32
	if err := binary.Read(input, binary.BigEndian, &length); err != nil {
		return "", err
	}
	bytes := make([]byte, length)
	_, err := io.ReadFull(input, bytes)
	return string(bytes), err
}

func main() {
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		var fields [4]string
		for i := range fields {
			var err error
			if fields[i], err = field(input); err != nil {
				return
			}
		}
		if err := output.Encode(answer(fields[0], fields[1], fields[2], fields[3])); err != nil {
			panic(err)
		}
	}
}
