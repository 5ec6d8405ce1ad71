package fakeapimart

import (
	"os"
	"syscall"
)

// ownGroup lets a process be in a group of its own.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills a process.
func killGroup(process *os.Process) {
	_ = process.Kill()
}
