package fakeapimart

import "context"

// Upload is an uploaded file, as it was when listed.
type Upload struct {
	UploadRecord

	apimart *APIMart
}

// Uploads returns the uploaded files, oldest first, whatever clock and rules say.
func (a *APIMart) Uploads() []*Upload {
	a.tb.Helper()
	records, err := a.world.Uploads(context.Background())
	a.check(err)
	uploads := make([]*Upload, 0, len(records))
	for _, record := range records {
		uploads = append(uploads, &Upload{UploadRecord: record, apimart: a})
	}
	return uploads
}

// AddUpload puts a file into the world, as if a client had uploaded it. It is checked as an upload is,
// but meets no rule and no rate limit, and is not among the Requests.
func (a *APIMart) AddUpload(content []byte, filename string) *Upload {
	a.tb.Helper()
	record, err := a.world.AddUpload(context.Background(), content, filename)
	a.check(err)
	return &Upload{UploadRecord: record, apimart: a}
}

// Read returns the bytes as uploaded, even if the URL has expired.
func (u *Upload) Read() []byte {
	u.apimart.tb.Helper()
	content, err := u.apimart.world.ReadUpload(context.Background(), u.Name)
	u.apimart.check(err)
	return content
}

// Expire lets the URL be dead from now on, and leaves the clock alone.
func (u *Upload) Expire() {
	u.apimart.tb.Helper()
	expired, err := u.apimart.world.ExpireUpload(context.Background(), u.Name)
	u.apimart.check(err)
	u.UploadRecord = expired
}
