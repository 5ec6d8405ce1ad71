// The reference for the HTTP protocol: what Go's own net/http makes of a request.
//
// Listens on a free port of 127.0.0.1, which it prints, and answers each request with what it read
// of it. Ends with its standard input.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
)

const mostBytesShown = 1000

func echo(w http.ResponseWriter, r *http.Request) {
	var body []byte
	var err error
	if r.URL.Path != "/unread" {
		body, err = io.ReadAll(r.Body)
	}
	read := map[string]string{
		"method": r.Method,
		"path":   hex.EncodeToString([]byte(r.URL.Path)),
		"query":  hex.EncodeToString([]byte(r.URL.RawQuery)),
		"host":   hex.EncodeToString([]byte(r.Host)),
		"x":      hex.EncodeToString([]byte(r.Header.Get("X"))),
		"body":   hex.EncodeToString(body[:min(len(body), mostBytesShown)]),
		"size":   strconv.Itoa(len(body)),
		"error":  "",
	}
	if err != nil {
		read["error"] = err.Error()
	}
	answer, _ := json.Marshal(read)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.Write(answer)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(echo), ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
}
