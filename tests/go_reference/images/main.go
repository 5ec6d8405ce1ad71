// Reference decoder for tests: what Go's image.Decode says to a file.
//
// Reads files from standard input, each behind its length (4 bytes, big-endian), and writes a line
// for each: the size as "96x64", or the text of the error.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for {
		var length uint32
		if err := binary.Read(in, binary.BigEndian, &length); err != nil {
			return
		}
		content := make([]byte, length)
		if _, err := io.ReadFull(in, content); err != nil {
			panic(err)
		}
		picture, _, err := image.Decode(bytes.NewReader(content))
		if err != nil {
			fmt.Fprintf(out, "%q\n", err.Error())
		} else {
			fmt.Fprintf(out, "%dx%d\n", picture.Bounds().Dx(), picture.Bounds().Dy())
		}
		out.Flush()
	}
}
