package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A certificate authority that lives for one cluster, and the folder that all it issues goes to.
type authority struct {
	folder      string
	certificate *x509.Certificate
	key         crypto.Signer
	serial      int64
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: lab
contexts: [{name: lab, context: {cluster: lab, user: admin, namespace: default}}]
clusters: [{name: lab, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: admin, user: {client-certificate-data: %s, client-key-data: %s}}]
`

// writePki DIR SERVER-URL NAME...: ca, apiserver and admin as .crt and .key, sa.key and sa.pub for
// the tokens of service accounts, and admin.kubeconfig, whose user may do everything.
func writePki(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: lab pki DIR SERVER-URL NAME...")
	}
	folder, server, names := args[0], args[1], args[2:]
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	a := &authority{folder: folder}
	ca, _, err := a.issue("ca", "lab-ca", func(c *x509.Certificate) {
		c.IsCA = true
		c.KeyUsage |= x509.KeyUsageCertSign
	})
	if err != nil {
		return err
	}
	if _, _, err = a.issue("apiserver", "kube-apiserver", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, name := range names {
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}); err != nil {
		return err
	}
	crt, key, err := a.issue("admin", "lab-admin", func(c *x509.Certificate) {
		c.Subject.Organization = []string{"system:masters"}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	if err != nil {
		return err
	}
	if err := a.writeTokenKey(); err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString
	config := fmt.Sprintf(kubeconfig, server, text(ca), text(crt), text(key))
	return os.WriteFile(filepath.Join(folder, "admin.kubeconfig"), []byte(config), 0o600)
}

// issue signs with the authority's own key; the first certificate is that of the authority.
func (a *authority) issue(file, commonName string, shape func(*x509.Certificate)) (crt, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	a.serial++
	begin := time.Now().Add(-time.Hour)
	wanted := &x509.Certificate{
		SerialNumber:          big.NewInt(a.serial),
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             begin,
		NotAfter:              begin.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	shape(wanted)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = wanted, private
	}
	der, err := x509.CreateCertificate(rand.Reader, wanted, parent, private.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	if a.certificate == nil {
		if a.certificate, err = x509.ParseCertificate(der); err != nil {
			return nil, nil, err
		}
		a.key = private
	}
	if crt, err = a.write(file+".crt", "CERTIFICATE", der); err != nil {
		return nil, nil, err
	}
	if der, err = x509.MarshalECPrivateKey(private); err != nil {
		return nil, nil, err
	}
	key, err = a.write(file+".key", "EC PRIVATE KEY", der)
	return crt, key, err
}

func (a *authority) writeTokenKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if _, err = a.write("sa.key", "EC PRIVATE KEY", der); err != nil {
		return err
	}
	if der, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return err
	}
	_, err = a.write("sa.pub", "PUBLIC KEY", der)
	return err
}

func (a *authority) write(file, kind string, der []byte) ([]byte, error) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return text, os.WriteFile(filepath.Join(a.folder, file), text, 0o600)
}
