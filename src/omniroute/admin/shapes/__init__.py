"""What the admin API answers, as types: the description of the API, its test and the dashboard's types are made of them."""
