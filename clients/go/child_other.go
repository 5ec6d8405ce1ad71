//go:build !unix && !windows

package fakeapimart

import (
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr {
	return nil
}

func killGroup(process *os.Process) {
	_ = process.Kill()
}
