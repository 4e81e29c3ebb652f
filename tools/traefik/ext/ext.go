// Package ext stands in for Traefik's extension module, which is part of its repository and is not published.
package ext

// HTTP extends the dynamic HTTP configuration by nothing.
type HTTP struct{}

// Router extends a router by nothing.
type Router struct{}

// Service extends a service by nothing.
type Service struct{}
