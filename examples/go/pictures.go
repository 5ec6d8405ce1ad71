// Package pictures has a model of APIMart redraw photos.
package pictures

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"
)

const (
	attempts = 3
	pause    = 20 * time.Millisecond
	patience = 10 * time.Second
)

// Client calls APIMart. Rate limits, server errors and broken connections are tried again.
type Client struct {
	BaseURL string
	APIKey  string
}

// Upload uploads a photo, and returns its URL.
func (c Client) Upload(photo []byte, filename string) (string, error) {
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("file", filename)
	if err != nil {
		return "", err
	}
	if _, err := part.Write(photo); err != nil {
		return "", err
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	var uploaded struct{ URL string }
	err = c.call("POST", "/v1/uploads/images", writer.FormDataContentType(), form.Bytes(), &uploaded)
	return uploaded.URL, err
}

// Redraw returns the URL of a picture that a model makes of the photo at a URL.
func (c Client) Redraw(photo, prompt string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"model": "gpt-image-2", "prompt": prompt, "image_urls": []string{photo},
	})
	if err != nil {
		return "", err
	}
	var submitted struct {
		Data []struct {
			TaskID string `json:"task_id"`
		}
	}
	err = c.call("POST", "/v1/images/generations", "application/json", body, &submitted)
	if err != nil {
		return "", err
	}
	if len(submitted.Data) == 0 {
		return "", errors.New("there is no task")
	}
	return c.wait(submitted.Data[0].TaskID)
}

// wait polls a task until it ends.
func (c Client) wait(task string) (string, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(pause) {
		var polled struct {
			Data struct {
				Status string
				Error  struct{ Message string }
				Result struct{ Images []struct{ URL []string } }
			}
		}
		if err := c.call("GET", "/v1/tasks/"+task, "", nil, &polled); err != nil {
			return "", err
		}
		switch polled.Data.Status {
		case "completed":
			return polled.Data.Result.Images[0].URL[0], nil
		case "failed":
			return "", errors.New(polled.Data.Error.Message)
		}
	}
	return "", fmt.Errorf("%s takes too long", task)
}

func (c Client) call(method, path, contentType string, body []byte, target any) error {
	var err error
	for attempt := range attempts {
		time.Sleep(time.Duration(attempt) * pause)
		var again bool
		if again, err = c.try(method, path, contentType, body, target); !again {
			return err
		}
	}
	return err
}

// try calls once, and says whether it may be tried again.
func (c Client) try(method, path, contentType string, body []byte, target any) (bool, error) {
	request, err := http.NewRequest(method, c.BaseURL+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+c.APIKey)
	request.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return true, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return true, err
	}
	if answer.StatusCode == http.StatusOK {
		return false, json.Unmarshal(content, target)
	}
	var refused struct{ Error struct{ Message string } }
	if err := json.Unmarshal(content, &refused); err != nil {
		refused.Error.Message = string(content)
	}
	isPassing := answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500
	return isPassing, fmt.Errorf("%d: %s", answer.StatusCode, refused.Error.Message)
}
