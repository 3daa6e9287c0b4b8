module saltern-nomad
go 1.26
require github.com/hashicorp/nomad v1.11.1
replace github.com/hashicorp/nomad/api => github.com/hashicorp/nomad/api v0.0.0-20260907080526-08ef8f3d26da
replace github.com/hashicorp/hcl => github.com/hashicorp/hcl v1.0.1-nomad-1
