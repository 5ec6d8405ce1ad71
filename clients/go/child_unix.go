//go:build unix

package fakeapimart

import (
	"os"
	"syscall"
)

// ownGroup lets a process be in a group of its own.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// killGroup kills a process, and those that it has started.
func killGroup(process *os.Process) {
	_ = syscall.Kill(-process.Pid, syscall.SIGKILL)
}
